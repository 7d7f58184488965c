internal import Changelog

extension Materializer {
  /// Blocks until commits have reached a position.
  ///
  /// Throws `unavailable` after the time-out, and what stopped the store.
  func waitBlocking(for position: Position, timeout: Duration?) throws(StoreError) {
    let answer = Mutex<Result<Void, StoreError>?>(nil)
    let id = beginWait(for: position) { result in
      answer.withLock { $0 = result }
      answer.wake()
    }
    let isAnswered = answer.wait(timeout: timeout, until: { $0 != nil }) { $0 != nil }
    if !isAnswered { waiters.end(id, reached(position)) }
    // Where another thread took the waiter out, it tells soon.
    try answer.wait(until: { $0 != nil }) { $0! }.get()
  }

  /// Suspends until commits have reached a position; takes no thread meanwhile.
  ///
  /// Throws `unavailable` after the time-out, `CancellationError`, and what stopped the store.
  func wait(for position: Position, timeout: Duration?) async throws {
    guard let timeout else { return try await wait(for: position) }
    // Longer than any process runs, and short enough for any clock.
    let time = min(max(timeout, .zero), .seconds(100 * 365 * 86_400))
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await self.wait(for: position) }
      group.addTask {
        try await Task.sleep(for: time)
        try self.reached(position).get()
      }
      defer { group.cancelAll() }
      try await group.next()
    }
  }

  private func wait(for position: Position) async throws {
    let wait = AsyncWait(self)
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { wait.begin(for: position, $0) }
    } onCancel: {
      wait.cancel()
    }
  }

  /// Begins to wait, and looks at what is there.
  fileprivate func beginWait(
    for position: Position, _ tell: @escaping @Sendable (Result<Void, StoreError>) -> Void
  ) -> CommitWaiters.ID {
    let id = waiters.add(position, tell)
    look(id, for: position)
    return id
  }

  /// Ends a wait for what is there already, or that is over: after it was added, so that no commit comes between.
  fileprivate func look(_ id: CommitWaiters.ID, for position: Position) {
    if state.position.missing(of: position).isEmpty {
      waiters.end(id, .success(()))
    } else {
      do throws(StoreError) { try health.check() } catch { waiters.end(id, .failure(error)) }
    }
  }

  /// What a wait that is over in time says: a commit may have come at the last moment.
  private func reached(_ position: Position) -> Result<Void, StoreError> {
    let committed = state.position
    let missing = committed.missing(of: position)
    if missing.isEmpty { return .success(()) }
    var error = StoreError(.unavailable, "the store's commits haven't reached the position in time; try again")
    for partition in missing {
      let (at, wanted) = (committed[partition]?.description ?? "none", position[partition] ?? .zero)
      error.metadata.append(StoreError.Entry(name: "\(partition)", value: "\(at) of \(wanted)"))
    }
    return .failure(error)
  }
}

/// A wait of a task: it begins once, and ends with a commit, the store, or the task.
private final class AsyncWait: Sendable {
  private enum Phase {
    case idle
    case waiting(CommitWaiters.ID)
    case cancelled
  }

  private let materializer: Materializer
  private let phase = Mutex(Phase.idle)

  init(_ materializer: Materializer) { self.materializer = materializer }

  func begin(for position: Position, _ continuation: CheckedContinuation<Void, any Error>) {
    let id: CommitWaiters.ID? = phase.withLock { phase in
      if case .cancelled = phase { return nil }
      let id = materializer.waiters.add(position) { result in
        continuation.resume(with: result.mapError { $0.kind == .cancelled ? CancellationError() : $0 as any Error })
      }
      phase = .waiting(id)
      return id
    }
    // The continuation is resumed outside of the lock, which `cancel` takes.
    guard let id else { return continuation.resume(throwing: CancellationError()) }
    materializer.look(id, for: position)
  }

  func cancel() {
    let former = phase.withLock { phase in
      defer { phase = .cancelled }
      return phase
    }
    guard case .waiting(let id) = former else { return }
    materializer.waiters.end(id, .failure(StoreError(.cancelled, "the task was cancelled")))
  }
}
