public import Changelog
internal import Dispatch

/// Runs the writes of a store's tasks one after the other, off the cooperative pool.
actor StoreActor {
  nonisolated let executor = StoreExecutor("tidemark-store")
  /// The store's own executor.
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  /// Runs `body`, unless the task is cancelled before its turn comes.
  func run<R: Sendable>(_ body: @Sendable () throws -> R) throws -> R {
    try Task.checkCancellation()
    return try body()
  }
}

/// Runs reads of tasks beside each other, off the cooperative pool.
private final class ReadExecutor: TaskExecutor {
  static let shared = ReadExecutor()
  private let queue = DispatchQueue(label: "tidemark-read", attributes: .concurrent)

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

extension StateStore {
  /// The serial executor on which async writes run: for an actor that owns the store's transaction, or works in its turns.
  public var executor: StoreExecutor { actor.executor }

  // MARK: Blocking

  /// Runs `body` with a snapshot of the last commit.
  public func read<R>(_ body: (Snapshot) throws -> R) throws -> R { try body(snapshot()) }

  /// Runs `body` with a snapshot of the last commit; throws `StoreError` alone.
  public func read<R>(_ body: (Snapshot) throws(StoreError) -> R) throws(StoreError) -> R { try body(snapshot()) }

  /// A view of a commit that has reached a position, in all partitions that it names: waits until there is one.
  ///
  /// For reads of what was written before: whoever sent a record knows its partition and offset, and asks for the position
  /// after it.
  ///
  /// - Parameters:
  ///   - position: for each partition the next record to read, at least.
  ///   - timeout: how long to wait; `nil`: as long as it takes.
  /// - Returns: a view of the first such commit, or of a later one.
  /// - Throws: `unavailable` after the time-out, with each partition that is missing, how far the store is there, and how far it
  ///   should be; `closed` once the store is closed, and what stopped it, as then no commit comes.
  public func snapshot(atLeast position: Position, timeout: Duration? = nil) throws(StoreError) -> Snapshot {
    let store = try opened()
    try store.materializer.waitBlocking(for: position, timeout: timeout)
    return Snapshot(view: try store.makeView())
  }

  // MARK: In tasks

  /// Runs `body` in a transaction of its own on the store's ``executor``, commits when it returns and aborts when it throws.
  ///
  /// No thread of the cooperative pool is blocked. Writes of several tasks take turns; one that comes while a transaction of
  /// ``begin()`` is alive throws `locked`.
  ///
  /// A task that is cancelled before its turn throws `CancellationError`, with nothing done. From then on cancellation cuts
  /// nothing short: on return the commit is made, after a throw see ``Transaction/commit(_:)``. `body` can look at
  /// `Task.isCancelled` and throw.
  @discardableResult
  public func write<R: Sendable>(
    _ position: Position = [:], _ body: @Sendable (inout Transaction) throws -> R
  ) async throws -> R {
    try await actor.run { try self.writeBlocking(position, body) }
  }

  private nonisolated func writeBlocking<R>(
    _ position: Position, _ body: (inout Transaction) throws -> R
  ) throws -> R {
    try write(position, body)
  }

  /// Runs `body` with a snapshot of the last commit, off the cooperative pool; reads of several tasks run beside each other.
  ///
  /// A task that is cancelled before `body` begins throws `CancellationError`.
  public func read<R: Sendable>(_ body: @Sendable (Snapshot) throws -> R) async throws -> R {
    try await withTaskExecutorPreference(ReadExecutor.shared) {
      try Task.checkCancellation()
      return try body(self.snapshot())
    }
  }

  /// A view of a commit that has reached a position, in all partitions that it names: suspends until there is one.
  ///
  /// As the blocking call of this name, but for the thread, of which it takes none while it waits, and cancellation, which ends
  /// the wait with `CancellationError`.
  public func snapshot(atLeast position: Position, timeout: Duration? = nil) async throws -> Snapshot {
    let store = try opened()
    try await store.materializer.wait(for: position, timeout: timeout)
    return Snapshot(view: try store.makeView())
  }
}
