internal import Changelog
internal import struct Synchronization.Atomic

/// Whether a store takes writes.
///
/// The first failure is permanent: only reopening the store ends it.
final class Health: Sendable {
  private enum State {
    case open
    case failed(StoreError)
    case closed
  }

  private let observer: StoreObserver
  private let state = Mutex(State.open)
  private let listener = Mutex<(@Sendable () -> Void)?>(nil)
  // Copies of the state for frequent readers; read without the lock.
  private let takesWritesFlag = Atomic<Bool>(true)
  private let isClosedFlag = Atomic<Bool>(false)

  init(_ observer: StoreObserver) { self.observer = observer }

  /// Throws the failure that stopped the store, if there is one.
  @inline(__always)
  func check() throws(StoreError) { if !takesWrites { try throwFailure() } }

  private func throwFailure() throws(StoreError) {
    try state.withLock { state throws(StoreError) in
      switch state {
      case .open: return
      case .failed(let error): throw error
      case .closed: throw Self.closedError()
      }
    }
  }

  /// Throws `closed` if the store is closed; a failed store still allows reads.
  @inline(__always)
  func checkOpen() throws(StoreError) { if isClosed { throw Self.closedError() } }

  @inline(never)
  static func closedError() -> StoreError { StoreError(.closed, "the store is closed") }

  /// Whether the store takes writes.
  var takesWrites: Bool { takesWritesFlag.load(ordering: .relaxed) }

  /// Whether the store is closed, also for reads.
  var isClosed: Bool { isClosedFlag.load(ordering: .relaxed) }

  /// The failure that stopped the store, if there is one.
  var failure: StoreError? { state.withLock { if case .failed(let error) = $0 { error } else { nil } } }

  /// Stops all writes.
  ///
  /// Errors that aren't about a commit become `failed`: trying again would not help.
  func fail(_ error: StoreError) {
    let failure =
      switch error.kind {
      case .commitUnknown, .fenced, .failed: error
      default:
        StoreError(
          .failed, "the store takes no more writes; fix the cause and reopen it: acknowledged commits are in the log",
          cause: error)
      }
    let isFirst = state.withLock { state in
      guard case .open = state else { return false }
      state = .failed(failure)
      takesWritesFlag.store(false, ordering: .relaxed)
      return true
    }
    guard isFirst else { return }
    observer.failed(failure)
    listener.withLock { $0 }?()
  }

  /// Calls `body` on the first failure, on the thread of the failure, which may be RocksDB's.
  func onFailure(_ body: @escaping @Sendable () -> Void) { listener.withLock { $0 = body } }

  /// Stops everything, for good.
  func close() {
    state.withLock { $0 = .closed }
    takesWritesFlag.store(false, ordering: .relaxed)
    isClosedFlag.store(true, ordering: .relaxed)
  }
}
