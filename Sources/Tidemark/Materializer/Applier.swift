internal import Changelog
internal import RocksDB

/// Brings what was committed into the database, together with the state that it leads to: the only way in, for commits and
/// for restore.
///
/// One thread at a time changes the database through it; others may look tables up, and define some, meanwhile.
final class Applier: Sendable {
  /// How changes get into the database.
  enum Way {
    /// As a write batch through RocksDB's own log: where there is no changelog, nothing else keeps a commit.
    case writeBatch(RocksDB.WriteAheadLog)
    /// As table files, written in the store's directory and taken in together: durable at once, past the memtables.
    case tableFiles(StoreDirectory)
  }

  /// A finished table file, and the table that it belongs to.
  typealias TableFilePath = (table: OpenTable, path: String)

  let database: SharedDatabase
  private let offsetKey: [UInt8]
  private let way: Way
  /// The tables by id; a gap is an id that isn't defined.
  private let slots = Mutex<[OpenTable?]>([])

  init(database: SharedDatabase, partition: TopicPartition, _ way: Way, tables: [OpenTable]) {
    self.database = database
    offsetKey = OffsetsFamily.offsetKey(partition)
    self.way = way
    for table in tables { insert(table) }
  }

  // MARK: Tables

  /// The tables that are defined.
  var tables: [OpenTable] { slots.withLock { $0.compactMap { $0 } } }

  /// The table of an id, if it is defined.
  func table(_ id: TableID) -> OpenTable? {
    let index = Int(id.value)
    return slots.withLock { index < $0.count ? $0[index] : nil }
  }

  /// Makes a table's column family (or finds it after a crash: nothing told of it yet).
  ///
  /// Its row comes with the changes of the commit that defines it.
  func define(_ record: TableRecord) throws(StoreError) {
    if table(record.id) == nil {
      insert(OpenTable(record: record, family: try database.family(record.familyName)))
    }
  }

  private func insert(_ table: OpenTable) {
    let index = Int(table.id.value)
    slots.withLock { slots in
      while slots.count <= index { slots.append(nil) }
      slots[index] = table
    }
  }

  // MARK: Changes

  /// Brings the changes of batches, the latest first, and the state that they lead to into the database, atomically.
  ///
  /// After a throw nothing of it shows.
  func install(_ batches: [IndexedBatch], _ state: CommittedState) throws(StoreError) {
    var definitions: [TableRecord] = []
    var changes = BatchMerge(batches, .system)
    while let entry = changes.next() {
      // Proof: the batches are kept by the caller, and nobody changes them.
      definitions.append(
        unsafe try TableRecord(key: RawSpan(_unsafeBytes: entry.key), value: RawSpan(_unsafeBytes: entry.value)))
    }
    let rows = offsetsRows(state, definitions)
    switch way {
    case .writeBatch(let log):
      try mappingErrors(to: "the database refused a batch") { () throws(RocksDBError) in
        try write(batches, rows, log)
      }
    case .tableFiles(let directory):
      try ingesting(in: directory) { () throws(RocksDBError) in try ingest(batches, rows, directory.ingestion) }
    }
  }

  /// Takes table files with all that led to a state into the database, atomically, with the definitions of all tables.
  ///
  /// They are moved; after a throw nothing of them shows, and they are where they were.
  func take(_ files: [TableFilePath], _ state: CommittedState) throws(StoreError) {
    guard case .tableFiles(let directory) = way else { preconditionFailure("only changelogs are restored") }
    let rows = offsetsRows(state, tables.map(\.record))
    try ingesting(in: directory) { () throws(RocksDBError) in try ingest(files, rows, directory.ingestion) }
  }

  /// What failed leaves nothing in the directory of files on their way.
  private func ingesting(in directory: StoreDirectory, _ body: () throws(RocksDBError) -> Void) throws(StoreError) {
    do throws(RocksDBError) { try body() } catch {
      try? directory.emptyIngestion()
      throw StoreError(error, "table files can't be written", ["directory": directory.ingestion])
    }
  }

  /// Brings all that waits into the database.
  func apply(_ waiting: inout WaitingCommits) throws(StoreError) {
    guard let application = waiting.beginApplication() else { return }
    try install(application.batches, application.state)
    waiting.end(application)
  }

  private typealias OffsetsRow = (key: [UInt8], value: [UInt8])

  /// The rows of `offsets` that come with the changes, in key order.
  private func offsetsRows(_ state: CommittedState, _ definitions: [TableRecord]) -> [OffsetsRow] {
    func row(_ key: [UInt8], _ encode: (inout ByteBuffer) -> Void) -> OffsetsRow {
      var value = ByteBuffer()
      encode(&value)
      return (key, value.bytes.array)
    }
    var rows = [
      row(offsetKey) { $0.append(bigEndian: state.offset.value) },
      row(OffsetsFamily.commitKey) { OffsetsFamily.encode(state, into: &$0) },
    ]
    for record in definitions {
      rows.append(row(OffsetsFamily.tableKey(record.id)) { record.encodeValue(into: &$0) })
    }
    return rows.sorted { $0.key.lexicographicallyPrecedes($1.key) }
  }

  private func write(
    _ batches: [IndexedBatch], _ rows: [OffsetsRow], _ log: RocksDB.WriteAheadLog
  ) throws(RocksDBError) {
    var batch = RocksDB.WriteBatch(reserveBytes: batches.reduce(1 << 10) { $0 + $1.byteCount })
    for table in tables {
      var changes = BatchMerge(batches, table.id)
      while let entry = changes.next() {
        // Proof: the batches are kept by the caller, and nobody changes them.
        let key = unsafe RawSpan(_unsafeBytes: entry.key)
        if entry.state == .deleted {
          batch.delete(key, in: table.family)
        } else {
          unsafe batch.put(key, RawSpan(_unsafeBytes: entry.value), in: table.family)
        }
      }
    }
    for row in rows { batch.put(row.key.rawSpan, row.value.rawSpan, in: database.offsets) }
    try database.handle.write(batch, log: log)
  }

  private func ingest(
    _ batches: [IndexedBatch], _ rows: [OffsetsRow], _ directory: String
  ) throws(RocksDBError) {
    var files: [TableFilePath] = []
    for table in tables {
      var changes = BatchMerge(batches, table.id)
      guard var entry = changes.next() else { continue }
      let path = "\(directory)/\(table.id).sst"
      var file = try database.handle.makeTableFile(at: path, for: table.family)
      while true {
        // Proof: the batches are kept by the caller, and nobody changes them.
        let key = unsafe RawSpan(_unsafeBytes: entry.key)
        if entry.state == .deleted {
          try file.delete(key)
        } else {
          unsafe try file.put(key, RawSpan(_unsafeBytes: entry.value))
        }
        guard let next = changes.next() else { break }
        entry = next
      }
      try file.finish()
      files.append((table, path))
    }
    try ingest(files, rows, directory)
  }

  /// Takes table files into the database, together with rows of `offsets`.
  private func ingest(
    _ files: [TableFilePath], _ rows: [OffsetsRow], _ directory: String
  ) throws(RocksDBError) {
    let path = "\(directory)/offsets.sst"
    var offsets = try database.handle.makeTableFile(at: path, for: database.offsets)
    for row in rows { try offsets.put(row.key.rawSpan, row.value.rawSpan) }
    try offsets.finish()
    var ingestion = try database.handle.makeIngestion()
    for file in files { try ingestion.add(file.path, to: file.table.family) }
    try ingestion.add(path, to: database.offsets)
    try ingestion.finish()
  }
}
