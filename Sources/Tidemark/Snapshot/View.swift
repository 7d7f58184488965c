internal import Changelog
internal import RocksDB
internal import struct Synchronization.Atomic

/// The database at one commit, shared by the snapshots and cursors that read it.
///
/// It can expire: then what it held is let go once the last read under way is done.
final class View: Sendable {
  let engine: Engine
  /// The commit that it shows.
  let state: CommittedState
  /// What commits changed that a database that failed doesn't have: read over it.
  let changes: IndexedBatch?
  let takenAt = ContinuousClock.now

  private static let expiredFlag = 1 << 62
  /// Reads under way, and the flag.
  private let users = Atomic<Int>(0)
  private let isReleased = Atomic<Bool>(false)
  // Proof: written once in `init` and once in `release`, which runs when the flag is set and no read is under way, so no
  // read can begin; `isReleased` lets one thread through.
  private nonisolated(unsafe) var pinned: RocksDB.Snapshot?

  init(_ engine: Engine, over unapplied: UnappliedCommits?) throws(StoreError) {
    self.engine = engine
    let snapshot = engine.database.handle.makeSnapshot()
    if let unapplied {
      state = unapplied.state
    } else {
      guard let state = try engine.database.state(at: snapshot) else {
        throw StoreError(.corrupted, "the stored offset's row is gone; rebuild the store from its changelog")
      }
      self.state = state
    }
    changes = unapplied?.changes
    unsafe pinned = consume snapshot
  }

  /// Reads at the view's commit; throws `snapshotExpired` once it has expired.
  func read<R: ~Copyable>(
    _ body: (borrowing RocksDB.Snapshot) throws(RocksDBError) -> R
  ) throws(StoreError) -> R {
    let before = users.add(1, ordering: .acquiring).oldValue
    defer {
      let after = users.subtract(1, ordering: .acquiringAndReleasing).newValue
      if after == Self.expiredFlag { release() }
    }
    guard before & Self.expiredFlag == 0 else {
      throw StoreError(.snapshotExpired, "the snapshot is older than the store lets one grow; take another")
    }
    return try mappingErrors(to: "a read failed") { () throws(RocksDBError) in unsafe try body(pinned!) }
  }

  /// Throws `snapshotExpired` once it has expired.
  func check() throws(StoreError) {
    guard users.load(ordering: .relaxed) & Self.expiredFlag == 0 else {
      throw StoreError(.snapshotExpired, "the snapshot is older than the store lets one grow; take another")
    }
  }

  /// Ends it for all who read it.
  func expire() {
    let before = users.bitwiseOr(Self.expiredFlag, ordering: .acquiringAndReleasing).oldValue
    if before == 0 { release() }
  }

  private func release() {
    // Each `read` that came too late brings the count back to the bare flag, also while another thread is here.
    if isReleased.exchange(true, ordering: .relaxed) { return }
    unsafe pinned = nil
  }
}
