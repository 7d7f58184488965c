internal import Changelog
internal import struct Synchronization.Atomic

/// Those who wait until commits have reached a position.
///
/// Without waiters, a commit only loads a counter. Each waiter is notified once, by the thread that removes it.
final class CommitWaiters: Sendable {
  /// Identifies a waiter.
  typealias ID = UInt64

  private struct Waiter {
    let position: Position
    let tell: @Sendable (Result<Void, StoreError>) -> Void
  }

  private struct State {
    var nextID: ID = 0
    var waiters: [ID: Waiter] = [:]
  }

  private let count = Atomic<Int>(0)
  private let state = Mutex(State())

  /// How many wait.
  var waitingCount: Int { count.load(ordering: .relaxed) }

  /// Begins to wait; `tell` is called on any thread, with no lock held.
  ///
  /// The caller looks at the committed position afterwards: what was published before isn't told.
  func add(_ position: Position, _ tell: @escaping @Sendable (Result<Void, StoreError>) -> Void) -> ID {
    state.withLock { state in
      let id = state.nextID
      state.nextID += 1
      state.waiters[id] = Waiter(position: position, tell: tell)
      count.add(1, ordering: .relaxed)
      return id
    }
  }

  /// Ends a wait with a result; `false` if it had ended.
  @discardableResult
  func end(_ id: ID, _ result: Result<Void, StoreError>) -> Bool {
    let waiter = state.withLock { state in
      let waiter = state.waiters.removeValue(forKey: id)
      if waiter != nil { count.subtract(1, ordering: .relaxed) }
      return waiter
    }
    waiter?.tell(result)
    return waiter != nil
  }

  /// Tells those whose position is reached; called after the state can be read.
  ///
  /// The counter's order doesn't matter: whoever looks at the state after it was counted took the lock of that state, before
  /// the commit did, which then sees the count, or after it, and then sees the commit.
  @inline(__always)
  func published(_ position: Position) { if count.load(ordering: .relaxed) != 0 { tellReached(position) } }

  @inline(never)
  private func tellReached(_ position: Position) {
    let reached = state.withLock { state in
      let ids = state.waiters.filter { position.missing(of: $0.value.position).isEmpty }.map(\.key)
      count.subtract(ids.count, ordering: .relaxed)
      return ids.compactMap { state.waiters.removeValue(forKey: $0) }
    }
    for waiter in reached { waiter.tell(.success(())) }
  }

  /// Ends all waits: no commit will come.
  func endAll(_ error: StoreError) {
    let waiters = state.withLock { state in
      defer { state.waiters.removeAll() }
      count.subtract(state.waiters.count, ordering: .relaxed)
      return Array(state.waiters.values)
    }
    for waiter in waiters { waiter.tell(.failure(error)) }
  }
}

extension Position {
  /// The partitions that another position has come further in.
  func missing(of other: Position) -> [TopicPartition] {
    other.offsets.filter { (self[$0.key] ?? .zero) < $0.value }.keys.sorted()
  }
}
