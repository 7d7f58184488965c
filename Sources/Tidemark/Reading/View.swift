internal import Changelog
internal import RocksDB
internal import struct Synchronization.Atomic

/// The state at one commit, shared by the snapshots and cursors that read it.
///
/// It can expire: then what it held is let go once the last read under way is done.
@usableFromInline
final class View: Sendable {
  let engine: Engine
  @usableFromInline let tables: OpenTables
  private let database: SharedDatabase
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
    tables = engine.tables
    database = engine.database
    self.state = state
    unsafe self.layers = layers
    engine.usage.viewOpened()
  }

  deinit { engine.usage.viewClosed() }

  /// Reads at the view's commit; throws `snapshotExpired` once it has expired.
  func read<R: ~Copyable>(
    _ body: (_ runs: [Run], _ snapshot: borrowing RocksDB.Snapshot) throws(RocksDBError) -> R
  ) throws(StoreError) -> R {
    let reading = try beginReading()
    let result = try mappingErrors(to: "a read failed") { () throws(RocksDBError) in
      unsafe try body(layers!.runs, layers!.snapshot.handle)
    }
    _ = consume reading
    return result
  }

  /// What a key had at the view's commit.
  @usableFromInline
  func find(_ key: RawSpan, in table: OpenTable) throws(StoreError) -> FoundValue {
    let reading = try beginReading()
    if unsafe !layers!.runs.isEmpty, let found = unsafe layers!.runs.find(key, in: table.id) { return found }
    let found = try database.find(key, in: table, at: unsafe layers!.snapshot)
    _ = consume reading
    return found
  }

  /// Begins a read; throws `snapshotExpired` if the view is too old for one.
  private func beginReading() throws(StoreError) -> Reading {
    let reading = Reading(self)
    if reading.isTooLate { throw expiredError }
    return reading
  }

  /// A read under way, which keeps what the view reads.
  struct Reading: ~Copyable {
    private let view: View
    fileprivate let isTooLate: Bool

    fileprivate init(_ view: View) {
      self.view = view
      isTooLate = view.users.add(1, ordering: .acquiring).oldValue & View.expiredFlag != 0
    }

    deinit {
      let after = view.users.subtract(1, ordering: .acquiringAndReleasing).newValue
      if after == View.expiredFlag { view.release() }
    }
  }

  private var expiredError: StoreError {
    StoreError(.snapshotExpired, "the snapshot is older than the store lets one grow; take another")
  }

  /// Throws `snapshotExpired` once it has expired.
  func check() throws(StoreError) { if isExpired { throw expiredError } }

  /// Whether it has expired.
  var isExpired: Bool { users.load(ordering: .relaxed) & Self.expiredFlag != 0 }

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
