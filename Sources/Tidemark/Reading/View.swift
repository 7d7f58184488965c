internal import Changelog
internal import struct Synchronization.Atomic

/// The state at one commit, shared by the snapshots and cursors that read it.
///
/// A view can expire: its layers, and those of idle cursors, are then released once the last read under way is done.
///
/// Proof of `@unchecked Sendable`: the layers are released once, in `release`, which runs when the flag is set and no read
/// is under way, so no read can begin, or in `deinit`; `isReleased` lets one thread through. All else is immutable, atomic,
/// or inside a lock.
@usableFromInline
@safe
final class View: ReadSource, @unchecked Sendable {
  @usableFromInline let tables: OpenTables
  /// The state that it shows.
  let state: CommittedState
  let takenAt = ContinuousClock.now

  private static let expiredFlag = 1 << 62
  /// The count of reads under way, and the flag of expiry.
  private let users = Atomic<Int>(0)
  private let isReleased = Atomic<Bool>(false)
  /// The view's cursors; recorded only if the view can expire.
  private let cursors = Mutex<[ObjectIdentifier: Parked]>([:])
  /// Retained until `release`: a read under way refers to them without a count.
  private let layers: Unmanaged<Layers>

  /// One object, of whose parts no read needs a reference of its own.
  private final class Layers: Sendable {
    let all: ReadLayers

    init(_ all: ReadLayers) { self.all = all }
  }

  /// An entry of a cursor, which removes the entry in its `deinit`.
  private struct Parked {
    weak var cursor: RowCursor?
  }

  init(_ tables: OpenTables, _ state: CommittedState, _ layers: ReadLayers, _ usage: StoreUsage, canExpire: Bool) {
    self.tables = tables
    self.state = state
    unsafe self.layers = .passRetained(Layers(layers))
    super.init(usage, canExpire: canExpire)
    usage.viewOpened()
  }

  deinit {
    if !isReleased.load(ordering: .relaxed) { unsafe layers.release() }
    usage.viewClosed()
  }

  // MARK: Reading

  /// Reads at the view's commit; throws `snapshotExpired` once it has expired.
  func read<R: ~Copyable>(_ body: (_ layers: ReadLayers) throws(StoreError) -> R) throws(StoreError) -> R {
    try beginRead()
    defer { endRead() }
    return try withLayers(body)
  }

  /// The value of a key at the view's commit.
  @usableFromInline
  func find(_ key: RawSpan, in table: OpenTable) throws(StoreError) -> FoundValue {
    try beginRead()
    defer { endRead() }
    return try withLayers { (layers) throws(StoreError) in try layers.find(key, in: table) }
  }

  @inline(__always)
  private func withLayers<R: ~Copyable>(_ body: (ReadLayers) throws(StoreError) -> R) throws(StoreError) -> R {
    var result: R?
    var failure: StoreError?
    // Proof: the layers are released when no read is under way.
    unsafe layers._withUnsafeGuaranteedRef { layers in
      do throws(StoreError) { result = try body(layers.all) } catch { failure = error }
    }
    if let failure { throw failure }
    return result.take()!
  }

  override func rows(in table: OpenTable, _ range: KeyRange, _ order: ScanOrder) throws(StoreError) -> ByteCursor {
    try read { (layers) throws(StoreError) in layers.rows(in: table, range, order) }
  }

  @inline(__always)
  override func beginRead() throws(StoreError) {
    if users.add(1, ordering: .acquiring).oldValue & View.expiredFlag == 0 { return }
    endRead()
    throw expiredError
  }

  @inline(__always)
  override func endRead() {
    if users.subtract(1, ordering: .acquiringAndReleasing).newValue == View.expiredFlag { release() }
  }

  override func add(_ cursor: RowCursor) {
    let isLate = cursors.withLock { cursors in
      if isReleased.load(ordering: .relaxed) { return true }
      cursors[ObjectIdentifier(cursor)] = Parked(cursor: cursor)
      return false
    }
    // The view expired after the cursor's rows were created.
    if isLate { cursor.letGo() }
  }

  override func remove(_ cursor: RowCursor) {
    _ = cursors.withLock { $0.removeValue(forKey: ObjectIdentifier(cursor)) }
  }

  // MARK: Expiry

  private var expiredError: StoreError {
    StoreError(.snapshotExpired, "the snapshot is older than the store's snapshotExpiry; take another")
  }

  /// Throws `snapshotExpired` once it has expired.
  override func check() throws(StoreError) {
    if users.load(ordering: .relaxed) & Self.expiredFlag != 0 { throw expiredError }
  }

  /// Expires the view for all its readers.
  func expire() {
    let before = users.bitwiseOr(Self.expiredFlag, ordering: .acquiringAndReleasing).oldValue
    if before == 0 { release() }
  }

  private func release() {
    // Each `read` after the expiry returns the count to the bare flag, so several threads may come here.
    if isReleased.exchange(true, ordering: .relaxed) { return }
    changed()
    // Outside the lock: the reference taken here may become a cursor's last, and its `deinit` takes the lock. No cursor
    // is in a step, as each step is a read of the view.
    let parked = cursors.withLock { cursors in
      defer { cursors.removeAll() }
      return cursors.values.compactMap(\.cursor)
    }
    for cursor in parked { cursor.letGo() }
    unsafe layers.release()
  }
}
