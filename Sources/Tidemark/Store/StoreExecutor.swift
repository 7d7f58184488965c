internal import Dispatch

/// Runs an actor's jobs on one thread of its own queue, so that a store's blocking calls stay off the cooperative pool.
///
/// ```swift
/// actor Processor {
///   nonisolated let executor = StoreExecutor("orders")
///   nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
///   …
/// }
/// ```
public final class StoreExecutor: SerialExecutor {
  private let queue: DispatchQueue

  /// Makes an executor; the label names its threads.
  public init(_ label: String = "tidemark") { queue = DispatchQueue(label: label) }

  /// Takes a job.
  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { unsafe job.runSynchronously(on: self.asUnownedSerialExecutor()) }
  }
}
