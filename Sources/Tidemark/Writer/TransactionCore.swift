internal import Changelog
internal import RocksDB

/// The part of a transaction that works on bytes: the uncommitted changes, and the buffers for encoded keys and values.
///
/// Proof of `@unchecked Sendable`: it belongs to one `Transaction`, which isn't copyable, so one thread at a time uses it;
/// cursors of the transaction are used on the same thread (``Cursor``).
@usableFromInline
@safe
final class TransactionCore: ReadSource, @unchecked Sendable {
  private let writer: StoreWriter
  private let materializer: Materializer
  // The materializer's, which keeps it alive: retain and release at each read would cost a visible part of a search.
  private let health: Unmanaged<Health>
  @usableFromInline let tables: OpenTables
  /// Keeps the store open as long as there is a transaction.
  private let owner: any AnyObject & Sendable
  /// The layers that it reads above the database: its changes, and runs of commits.
  private let layers: TransactionLayers
  // The arguments of the next calls: a table, and an encoded key and value.
  // Unchecked here and below. Proof: one thread at a time uses the transaction, and code that it calls while it accesses
  // a property (codecs, `body` of reads) has no access to the transaction.
  @safe @exclusivity(unchecked) private var table: OpenTable?
  @safe @exclusivity(unchecked) private var tableID = TableID.system
  @safe @exclusivity(unchecked) private var tableName = ""
  @safe @exclusivity(unchecked) private var tableCodecs: CodecTypes?
  @safe @exclusivity(unchecked) @usableFromInline var keyBuffer = ByteWriter()
  @safe @exclusivity(unchecked) @usableFromInline var valueBuffer = ByteWriter()
  private var savepointDepth = 0
  private var closure = ClosurePhase.none
  private(set) var streamTime: Timestamp?
  @safe @exclusivity(unchecked) private var firstChangeAt: UInt64?
  @safe @exclusivity(unchecked) private var reservedBytes = 0
  @safe @exclusivity(unchecked) private var isEnded = false

  private static let reservationBytes = 64 << 10

  init(_ writer: StoreWriter, owner: any AnyObject & Sendable) {
    self.writer = writer
    materializer = writer.materializer
    unsafe health = Unmanaged.passUnretained(writer.materializer.health)
    tables = writer.tables
    self.owner = owner
    layers = writer.layers
    super.init(writer.materializer.usage, canExpire: false)
    streamTime = writer.resetTransaction()
  }

  // MARK: Naming

  /// Sets the table of the next calls; throws `invalidArgument` if it wasn't declared so at open.
  @inlinable
  func select<K, V>(_ table: Table<K, V>) throws(StoreError) {
    let codecs = CodecTypes(key: K.self, value: V.self)
    if !isSelected(table.name, codecs) { select(try tables.table(table), table.name, codecs) }
  }

  @usableFromInline
  func isSelected(_ name: String, _ codecs: CodecTypes) -> Bool { codecs == tableCodecs && name == tableName }

  @usableFromInline
  func select(_ table: OpenTable, _ name: String, _ codecs: CodecTypes) {
    self.table = table
    tableID = table.id
    tableName = name
    tableCodecs = codecs
  }

  /// Encodes the key of the next calls.
  @inlinable
  func encodeKey<K: KeyCodec>(_ key: K.Value, with codec: K) throws(StoreError) {
    keyBuffer.removeAll()
    try codec.encode(key, into: &keyBuffer)
  }

  /// Encodes the value that the next ``put()`` sets.
  @inlinable
  func encodeValue<V: Codec>(_ value: V.Value, with codec: V) throws(StoreError) {
    valueBuffer.removeAll()
    try codec.encode(value, into: &valueBuffer)
  }

  // MARK: Reading

  /// The encoded key's value as the transaction sees it.
  @usableFromInline
  func find() throws(StoreError) -> FoundValue {
    try checkReadable()
    return try keyBuffer.withBytes { (key) throws(StoreError) in
      if let entry = layers.findChange(key, in: tableID) { return FoundValue(entry) }
      return try layers.findCommitted(key, in: table!)
    }
  }

  /// The uncommitted rows merged with the committed ones; valid until the next commit or abort.
  override func rows(in table: OpenTable, _ range: KeyRange, _ order: ScanOrder) throws(StoreError) -> ByteCursor {
    layers.rows(in: table, range, order)
  }

  // MARK: Writing

  /// Sets the encoded key's value to the encoded one.
  @usableFromInline
  func put() throws(StoreError) {
    try willChange(adding: keyBuffer.count + valueBuffer.count)
    keyBuffer.withBytes { key in
      if layers.knowsEmptiedRanges { layers.emptied.willPut(key, in: tableID) }
      valueBuffer.withBytes { value in layers.change { $0.put(key, value, in: tableID) } }
    }
  }

  /// Deletes the encoded key.
  @usableFromInline
  func delete() throws(StoreError) {
    try keyBuffer.withBytes { (key) throws(StoreError) in try delete(key, in: table!) }
  }

  func delete(_ key: RawSpan, in table: OpenTable) throws(StoreError) {
    try willChange(adding: key.byteCount)
    layers.change { $0.delete(key, in: table.id) }
  }

  /// Checks the limits before a change, so that a refused one changes nothing.
  @inline(__always)
  private func willChange(adding count: Int) throws(StoreError) {
    try checkWritable()
    let bytes = uncommittedBytes + IndexedBatch.greatestGrowth(count)
    let limit = materializer.options.transactionLimits.hardBytes
    guard bytes <= limit else {
      throw StoreError(
        .overBudget, "the transaction's hard limit is reached; commit or abort it",
        ["uncommitted bytes": uncommittedBytes, "limit": limit])
    }
    if bytes > reservedBytes { try reserve(bytes) }
    if firstChangeAt == nil { firstChangeAt = monotonicNanoseconds() }
  }

  @inline(never)
  private func reserve(_ bytes: Int) throws(StoreError) {
    let more = max(Self.reservationBytes, bytes - reservedBytes)
    try materializer.options.budget.reserve(more)
    reservedBytes += more
    usage.setUncommitted(bytes: reservedBytes)
  }

  func advance(streamTime time: Timestamp) { streamTime = max(streamTime ?? time, time) }

  // MARK: Accounting

  var uncommittedEntries: Int { layers.changes.count }
  var uncommittedBytes: Int { layers.changes.byteCount }

  var shouldCommit: Bool {
    guard let firstChangeAt else { return false }
    let limits = materializer.options.transactionLimits
    if uncommittedBytes >= limits.softBytes || layers.changes.count >= limits.softEntries { return true }
    if let interval = limits.softInterval, monotonicNanoseconds() - firstChangeAt >= interval.nanoseconds {
      return true
    }
    return materializer.options.budget.asksForCommit
  }

  // MARK: Ending

  /// Throws `closed` if the transaction has ended, and the store's failure if the store takes no writes.
  @inline(__always)
  func checkWritable() throws(StoreError) {
    if isEnded { throw Self.endedError() }
    if unsafe !health._withUnsafeGuaranteedRef({ $0.takesWrites }) { try materializer.health.check() }
  }

  override func check() throws(StoreError) { try checkReadable() }

  /// Throws `closed` if the transaction has ended or the store is closed; a failure of writes doesn't stop reads.
  @inline(__always)
  func checkReadable() throws(StoreError) { if !isReadable { try throwEnded() } }

  /// Whether the transaction goes on and the store is open.
  var isReadable: Bool {
    @inline(__always) get { unsafe !isEnded && !health._withUnsafeGuaranteedRef { $0.isClosed } }
  }

  @inline(never)
  private func throwEnded() throws(StoreError) {
    if isEnded { throw Self.endedError() }
    try materializer.health.checkOpen()
  }

  @inline(never)
  private static func endedError() -> StoreError { StoreError(.closed, "the transaction is over") }

  func setSavepoint() -> Savepoint {
    layers.changes.setSavepoint()
    savepointDepth += 1
    return Savepoint(streamTime: streamTime, firstChangeAt: firstChangeAt, generation: generation)
  }

  /// Drops the changes after a savepoint; if the transaction was aborted since, these are all changes.
  func rollBack(to savepoint: Savepoint) {
    savepointDepth -= 1
    guard savepoint.generation == generation else { return drop() }
    layers.rollBackToSavepoint()
    streamTime = savepoint.streamTime
    firstChangeAt = savepoint.firstChangeAt
  }

  func release(_ savepoint: Savepoint) {
    savepointDepth -= 1
    if savepoint.generation == generation { layers.changes.releaseSavepoint() }
  }

  struct Savepoint {
    fileprivate let streamTime: Timestamp?
    fileprivate let firstChangeAt: UInt64?
    fileprivate let generation: UInt64
  }

  /// The phase of a `write`'s closure; in it, only the `write` itself commits.
  private enum ClosurePhase {
    case none
    case running
    /// The closure aborted the transaction: its earlier changes are gone, so its later ones must not be committed.
    case aborted
  }

  /// Begins the closure of a write.
  func beginClosure() { closure = .running }

  /// Ends the closure of a write; throws if it aborted the transaction.
  func endClosure() throws(StoreError) {
    let wasAborted = closure == .aborted
    closure = .none
    guard wasAborted else { return }
    throw StoreError(
      .invalidArgument, "nothing is committed: the closure of a write aborted its transaction; throw an error instead")
  }

  /// Drops the uncommitted changes.
  func abort() {
    drop()
    if closure == .running { closure = .aborted }
  }

  /// Commits the changes and empties the transaction; after a throw all changes are staged as before.
  func commit(_ position: Position) throws(StoreError) {
    try checkWritable()
    guard closure == .none else {
      throw StoreError(.invalidArgument, "the transaction of a write is committed when its closure returns")
    }
    guard savepointDepth == 0 else {
      throw StoreError(.invalidArgument, "a commit inside of a savepoint can't be rolled back; commit after it")
    }
    _ = try writer.commit(self, position)
  }

  /// Drops the uncommitted changes, which brings back the rows that they delete.
  private func drop() {
    // After a commit there are none, and what is known of the committed rows holds.
    if uncommittedEntries > 0 { layers.emptied.removeAll() }
    clear()
  }

  /// Begins anew, over all that is committed; the transaction can be used again.
  func clear() { cleared(streamTime: writer.resetTransaction()) }

  /// Resets the counters once the changes are gone; `time` is the stream time of the last commit.
  func cleared(streamTime time: Timestamp?) {
    changed()
    firstChangeAt = nil
    materializer.options.budget.release(reservedBytes)
    reservedBytes = 0
    usage.setUncommitted(bytes: 0)
    streamTime = time
  }

  /// Ends the transaction for good, so that the store can begin another.
  func end() {
    drop()
    isEnded = true
    layers.end()
    writer.transactionEnded()
  }
}
