internal import Changelog
internal import RocksDB
internal import struct Synchronization.Atomic

/// The state at one commit, shared by the snapshots and cursors that read it.
///
/// It can expire: then what it held is let go once the last read under way is done.
final class View: Sendable {
  let engine: Engine
  /// The commit that it shows.
  let state: CommittedState
  let takenAt = ContinuousClock.now

  private static let expiredFlag = 1 << 62
  /// Reads under way, and the flag.
  private let users = Atomic<Int>(0)
  private let isReleased = Atomic<Bool>(false)
  // Proof: written once in `init` and once in `release`, which runs when the flag is set and no read is under way, so no
  // read can begin; `isReleased` lets one thread through.
  private nonisolated(unsafe) var layers: WaitingCommits.Layers?

  init(_ engine: Engine, _ state: CommittedState, _ layers: WaitingCommits.Layers) {
    self.engine = engine
    self.state = state
    unsafe self.layers = layers
    engine.usage.viewOpened()
  }

  deinit { engine.usage.viewClosed() }

  /// Reads at the view's commit; throws `snapshotExpired` once it has expired.
  func read<R: ~Copyable>(
    _ body: (_ runs: [Run], _ snapshot: borrowing RocksDB.Snapshot) throws(RocksDBError) -> R
  ) throws(StoreError) -> R {
    let before = users.add(1, ordering: .acquiring).oldValue
    defer {
      let after = users.subtract(1, ordering: .acquiringAndReleasing).newValue
      if after == Self.expiredFlag { release() }
    }
    guard before & Self.expiredFlag == 0 else {
      throw StoreError(.snapshotExpired, "the snapshot is older than the store lets one grow; take another")
    }
    return try mappingErrors(to: "a read failed") { () throws(RocksDBError) in
      unsafe try body(layers!.runs, layers!.snapshot.handle)
    }
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
    unsafe layers = nil
  }
}
