internal import Changelog
internal import RocksDB

/// An open table: its definition and its column family.
final class OpenTable: Sendable {
  let record: TableRecord
  let family: RocksDB.ColumnFamily
  /// The Swift type of its declaration, `Table<…>`, which tells the codecs; `nil` for a table that isn't declared.
  let declaredType: ObjectIdentifier?

  init(record: TableRecord, family: consuming RocksDB.ColumnFamily, declaredType: ObjectIdentifier? = nil) {
    self.record = record
    self.declaredType = declaredType
    self.family = family
  }

  var id: TableID { record.id }
  var name: String { record.name }
}

/// Brings committed records into the database, together with the offset of the last of them: the only way in, for
/// commits and for restore.
///
/// What was staged since the last ``install(_:)`` becomes one write batch.
///
/// Proof of `@unchecked Sendable`: one thread at a time uses it; the opening one, then whoever holds the lock of the
/// store's waiting commits.
final class Applier: @unchecked Sendable {
  private let database: SharedDatabase
  private let offsetKey: [UInt8]
  private let log: RocksDB.WriteAheadLog
  private var batch = RocksDB.WriteBatch()
  private var row = ByteBuffer()
  /// The tables by id; a gap is an id that isn't defined.
  private var slots: [OpenTable?] = []

  /// The tables whose definitions were applied.
  var tables: [OpenTable] { slots.compactMap { $0 } }

  init(database: SharedDatabase, partition: TopicPartition, log: RocksDB.WriteAheadLog, tables: [OpenTable]) {
    self.database = database
    offsetKey = OffsetsFamily.offsetKey(partition)
    self.log = log
    for table in tables { insert(table) }
  }

  /// How many bytes are staged.
  var stagedBytes: Int { batch.byteCount }

  /// Adds the records of one commit to what is installed next.
  func stage(_ records: RecordSpan) throws(StoreError) {
    try records.forEach { (id, key, value) throws(StoreError) in
      if id == .system {
        try stage(try TableRecord(key: key, value: value))
        return
      }
      guard let table = table(id) else {
        throw StoreError(.corrupted, "the changelog has a record of a table that it doesn't define", ["table": id])
      }
      if let value {
        batch.put(key, value, in: table.family)
      } else {
        batch.delete(key, in: table.family)
      }
    }
  }

  /// Adds the changes of a batch to what is installed next.
  func stage(_ changes: IndexedBatch) {
    for table in slots {
      guard let table else { continue }
      changes.forEach(in: table.id) { key, value in
        if let value { batch.put(key, value, in: table.family) } else { batch.delete(key, in: table.family) }
      }
    }
  }

  /// Writes what is staged and the state it leads to, atomically.
  ///
  /// After a throw nothing of it shows; what is staged is dropped.
  func install(_ state: CommittedState) throws(StoreError) {
    // What one large batch took doesn't stay beside the memory budget.
    defer { if batch.byteCount > 2 << 20 { batch = RocksDB.WriteBatch() } else { batch.clear() } }
    putRow(offsetKey) { $0.append(bigEndian: state.offset.value) }
    putRow(OffsetsFamily.commitKey) { OffsetsFamily.encode(state, into: &$0) }
    try mappingErrors(to: "the database refused a batch") { () throws(RocksDBError) in
      try database.handle.write(batch, log: log)
    }
  }

  /// The table of an id, if its definition was applied.
  func table(_ id: TableID) -> OpenTable? {
    let index = Int(id.value)
    return index < slots.count ? slots[index] : nil
  }

  private func insert(_ table: OpenTable) {
    let index = Int(table.id.value)
    while slots.count <= index { slots.append(nil) }
    slots[index] = table
  }

  /// A table's definition: its column family is made at once (again after a crash: nothing tells of it yet), its row
  /// with the batch.
  private func stage(_ record: TableRecord) throws(StoreError) {
    if table(record.id) == nil {
      insert(OpenTable(record: record, family: try database.family(record.familyName)))
    }
    putRow(OffsetsFamily.tableKey(record.id)) { record.encodeValue(into: &$0) }
  }

  /// Adds a row of `offsets`.
  private func putRow(_ key: [UInt8], _ encode: (inout ByteBuffer) -> Void) {
    row.removeAll()
    encode(&row)
    row.withBytes { batch.put(key.rawSpan, $0, in: database.offsets) }
  }
}
