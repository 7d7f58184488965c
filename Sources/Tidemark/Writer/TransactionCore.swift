internal import Changelog
internal import RocksDB

/// What a transaction holds: the uncommitted changes and the buffers it encodes with.
///
/// Bytes in, bytes out.
///
/// Proof of `@unchecked Sendable`: it belongs to one `Transaction`, which isn't copyable, so one thread at a time uses it;
/// cursors of the transaction are used on the same thread (``Cursor``).
@usableFromInline
@safe
final class TransactionCore: @unchecked Sendable {
  let engine: Engine
  // The engine's, which keeps it: a count of references at each read would show beside a search.
  private let health: Unmanaged<Health>
  @usableFromInline let tables: OpenTables
  /// Keeps the store's threads alive for as long as there is a transaction.
  private let owner: StateStore
  /// What it reads above the database: its changes, and runs of commits.
  private let layers: TransactionLayers
  // What the next calls are about: a table, as it was named, and a key and a value, encoded.
  // Unchecked here and below. Proof: one thread at a time uses the transaction, and what it calls while it has a property to
  // itself (codecs, `body` of reads) gets no way to the transaction.
  @safe @exclusivity(unchecked) private var table: OpenTable?
  @safe @exclusivity(unchecked) private var tableID = TableID.system
  @safe @exclusivity(unchecked) private var tableName = ""
  @safe @exclusivity(unchecked) private var tableCodecs: CodecTypes?
  @safe @exclusivity(unchecked) @usableFromInline var keyBuffer = ByteBuffer()
  @safe @exclusivity(unchecked) @usableFromInline var valueBuffer = ByteBuffer()
  /// Counts how often the transaction was emptied: a savepoint from before is gone, and what a cursor stands on.
  @safe @exclusivity(unchecked) private(set) var generation: UInt64 = 0
  private var savepointDepth = 0
  private(set) var streamTime: Timestamp?
  @safe @exclusivity(unchecked) private var firstChangeAt: UInt64?
  @safe @exclusivity(unchecked) private var reservedBytes = 0
  @safe @exclusivity(unchecked) private var isEnded = false

  private static let reservationBytes = 64 << 10

  init(_ engine: Engine, owner: StateStore) {
    self.engine = engine
    unsafe health = Unmanaged.passUnretained(engine.health)
    tables = engine.tables
    self.owner = owner
    layers = engine.layers
    streamTime = engine.committed.streamTime
    engine.resetTransaction()
  }

  // MARK: Naming

  /// Names the table that the next calls are about; throws `invalidArgument` if it wasn't declared at open like this.
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

  /// Encodes the key that the next calls are about.
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
      if let found = layers.findCommitted(key, in: tableID) { return found }
      return try engine.database.find(key, in: table!)
    }
  }

  /// The uncommitted rows merged with the committed ones; valid until the next commit or abort.
  func rows(in table: OpenTable, _ range: KeyRange, _ order: ScanOrder) -> ByteCursor {
    // Before the iterator, which then has at least what they lack.
    let runs = layers.waitingRuns
    return ByteCursor(
      engine.database.handle.makeIterator(in: table.family), over: runs, table.id, changes: layers.changes,
      range: range, order: order)
  }

  // MARK: Writing

  /// Sets the encoded key's value to the encoded one.
  @usableFromInline
  func put() throws(StoreError) {
    try willChange(adding: keyBuffer.count + valueBuffer.count)
    keyBuffer.withBytes { key in
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
    try check()
    let bytes = uncommittedBytes + IndexedBatch.greatestGrowth(count)
    let limit = engine.options.transactionLimits.hardBytes
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
    try engine.options.budget.reserve(more)
    reservedBytes += more
    engine.usage.setUncommitted(bytes: reservedBytes)
  }

  func advance(streamTime time: Timestamp) { streamTime = max(streamTime ?? time, time) }

  // MARK: Accounting

  var uncommittedEntries: Int { layers.changes.count }
  var uncommittedBytes: Int { layers.changes.byteCount }

  var shouldCommit: Bool {
    guard let firstChangeAt else { return false }
    let limits = engine.options.transactionLimits
    if uncommittedBytes >= limits.softBytes || layers.changes.count >= limits.softEntries { return true }
    if let interval = limits.softInterval, monotonicNanoseconds() - firstChangeAt >= interval.nanoseconds {
      return true
    }
    return engine.options.budget.asksForCommit
  }

  // MARK: Ending

  /// Throws `closed` if the transaction is over, and what stopped the store if it takes no writes.
  @inline(__always)
  func check() throws(StoreError) {
    if isEnded { throw Self.endedError() }
    if unsafe !health._withUnsafeGuaranteedRef({ $0.takesWrites }) { try engine.health.check() }
  }

  /// Throws `closed` if the transaction or the store is over; what stopped the writes of a store doesn't stop reads.
  @inline(__always)
  func checkReadable() throws(StoreError) { if !isReadable { try throwEnded() } }

  /// Whether neither the transaction nor the store is over.
  var isReadable: Bool {
    @inline(__always) get { unsafe !isEnded && !health._withUnsafeGuaranteedRef { $0.isClosed } }
  }

  @inline(never)
  private func throwEnded() throws(StoreError) {
    if isEnded { throw Self.endedError() }
    try engine.health.checkOpen()
  }

  @inline(never)
  private static func endedError() -> StoreError { StoreError(.closed, "the transaction is over") }

  func setSavepoint() -> Savepoint {
    layers.changes.setSavepoint()
    savepointDepth += 1
    return Savepoint(streamTime: streamTime, firstChangeAt: firstChangeAt, generation: generation)
  }

  /// Drops what came after a savepoint; where the transaction was aborted since, that is all there is.
  func rollBack(to savepoint: Savepoint) {
    savepointDepth -= 1
    guard savepoint.generation == generation else { return clear() }
    layers.change { $0.rollBackToSavepoint() }
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

  /// Commits and empties it; after a throw all is staged as it was.
  func commit(_ position: Position) throws(StoreError) {
    try check()
    guard savepointDepth == 0 else {
      throw StoreError(.invalidArgument, "a commit inside of a savepoint can't be rolled back; commit behind it")
    }
    try engine.commit(self, position)
  }

  /// Drops the uncommitted changes; the transaction can be used again.
  func clear() {
    engine.resetTransaction()
    generation &+= 1
    firstChangeAt = nil
    engine.options.budget.release(reservedBytes)
    reservedBytes = 0
    engine.usage.setUncommitted(bytes: 0)
    streamTime = engine.committed.streamTime
  }

  /// Ends the transaction for good, so that the store can begin another.
  func end() {
    clear()
    isEnded = true
    layers.end()
    engine.transactionEnded()
  }
}
