internal import Dispatch

/// Runs jobs on one thread of its own queue, so that a store's blocking calls stay off the cooperative pool.
///
/// For an actor:
///
/// ```swift
/// actor Processor {
///   nonisolated let executor = StoreExecutor("orders")
///   nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
///   …
/// }
/// ```
///
/// Or for the code of a task that no actor isolates:
///
/// ```swift
/// try await withTaskExecutorPreference(executor) { try store.flush() }
/// ```
///
/// A call of an actor from elsewhere changes threads twice, which takes 10 to 60 µs: many times what a row takes. Hand over
/// many rows with each call, or make the calls in a task that runs on the executor, `Task(executorPreference: executor)`:
/// there one takes 0.2 µs.
public final class StoreExecutor: SerialExecutor, TaskExecutor {
  private let queue: DispatchQueue

  /// Makes an executor; the label names its threads.
  public init(_ label: String = "tidemark") { queue = DispatchQueue(label: label) }

  /// Takes a job.
  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async {
      unsafe job.runSynchronously(
        isolatedTo: self.asUnownedSerialExecutor(), taskExecutor: self.asUnownedTaskExecutor())
    }
  }
}
