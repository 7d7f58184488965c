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

/// Runs reads of tasks in parallel, off the cooperative pool.
private final class ReadExecutor: TaskExecutor {
  static let shared = ReadExecutor()
  private let queue = DispatchQueue(label: "tidemark-read", attributes: .concurrent)

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

extension StateStore {
  /// The serial executor of async writes: use it for an actor that owns the transaction or takes turns with async
  /// writes.
  public var executor: StoreExecutor { actor.executor }

  // MARK: Blocking

  /// Runs `body` with a snapshot of the last commit.
  public func read<R>(_ body: (Snapshot) throws -> R) throws -> R { try body(snapshot()) }

  /// Runs `body` with a snapshot of the last commit; throws only `StoreError`.
  public func read<R>(_ body: (Snapshot) throws(StoreError) -> R) throws(StoreError) -> R { try body(snapshot()) }

  /// A view of a commit that has reached a position, in all its partitions: blocks until there is such a commit.
  ///
  /// Use it to read your own writes: the sender of a record knows its partition and offset, and asks for the position
  /// after it.
  ///
  /// - Parameters:
  ///   - position: for each partition the next record to read, at least.
  ///   - timeout: the longest wait; `nil`: no limit.
  /// - Returns: a view of the first such commit, or of a later one.
  /// - Throws: `unavailable` after the timeout, with each partition that hasn't reached its offset, the offset reached
  ///   and the one asked for; `closed` once the store is closed; the failure that stopped the store's writes, as no
  ///   commit comes then.
  public func snapshot(atLeast position: Position, timeout: Duration? = nil) throws(StoreError) -> Snapshot {
    let store = try opened()
    try store.materializer.waitBlocking(for: position, timeout: timeout)
    return Snapshot(view: try store.makeView())
  }

  // MARK: In tasks

  /// Runs `body` in a transaction of its own on the store's ``executor``, commits when it returns and aborts when it throws.
  ///
  /// No thread of the cooperative pool is blocked. Writes of several tasks take turns; a write throws `locked` while a
  /// transaction of ``begin()`` is alive.
  ///
  /// A task that is cancelled before its turn throws `CancellationError`, with nothing done. Later cancellation doesn't
  /// interrupt the write: on return the changes are committed; after a throw see ``Transaction/commit(_:)``. `body` can
  /// check `Task.isCancelled` and throw.
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

  /// Runs `body` with a snapshot of the last commit, off the cooperative pool; reads of several tasks run in parallel.
  ///
  /// A task that is cancelled before `body` begins throws `CancellationError`.
  public func read<R: Sendable>(_ body: @Sendable (Snapshot) throws -> R) async throws -> R {
    try await withTaskExecutorPreference(ReadExecutor.shared) {
      try Task.checkCancellation()
      return try body(self.snapshot())
    }
  }

  /// A view of a commit that has reached a position, in all its partitions: suspends until there is such a commit.
  ///
  /// Like the blocking call of this name, but it takes no thread while it waits, and cancellation ends the wait with
  /// `CancellationError`.
  public func snapshot(atLeast position: Position, timeout: Duration? = nil) async throws -> Snapshot {
    let store = try opened()
    try await store.materializer.wait(for: position, timeout: timeout)
    return Snapshot(view: try store.makeView())
  }
}
