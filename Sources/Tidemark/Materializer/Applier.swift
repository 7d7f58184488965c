internal import Changelog
internal import RocksDB

/// Brings what was committed into the database, together with the state that it leads to: the only way in, for commits and
/// for restore.
///
/// Changes become table files in the store's directory, one for each table and one for `offsets`, which RocksDB takes in
/// with one atomic ingestion: durable at once, past its log and its memtables. One thread at a time changes the database
/// through it; others may look tables up, and define some, meanwhile.
final class Applier: Sendable {
  /// A finished table file, and the table that it belongs to.
  typealias TableFilePath = (table: OpenTable, path: String)

  /// What is known of an id.
  private enum Slot {
    case undefined
    case defined(OpenTable)
    /// Dropped by what was replayed; the database may still have it.
    case dropped(OpenTable?)
  }

  let database: SharedDatabase
  private let directory: StoreDirectory
  private let offsetKey: [UInt8]
  /// Told the names of column families that are gone.
  private let forgetStall: @Sendable (String) -> Void
  /// Those of which the last files delete many rows.
  private let tablesToCompact = Mutex<[OpenTable]>([])
  /// By table id.
  private let slots = Mutex<[Slot]>([])

  init(
    _ database: SharedDatabase, _ directory: StoreDirectory, _ partition: TopicPartition,
    forgetStall: @escaping @Sendable (String) -> Void = { _ in }
  ) throws(StoreError) {
    self.database = database
    self.forgetStall = forgetStall
    self.directory = directory
    offsetKey = OffsetsFamily.offsetKey(partition)
    for (id, record) in try database.tableRows() {
      if let record {
        set(.defined(OpenTable(record: record, family: try database.family(record.familyName))), id)
      } else {
        // A crash came between: without its family it is gone for good.
        if let family = database.handle.columnFamily(TableRecord.familyName(id)) {
          try? database.handle.dropColumnFamily(family)
        }
        set(.dropped(nil), id)
      }
    }
    try directory.emptyIngestion()
  }

  // MARK: Tables

  /// The tables that are defined.
  var tables: [OpenTable] {
    slots.withLock { $0.compactMap { if case .defined(let table) = $0 { table } else { nil } } }
  }

  /// The id of the next table that is made: after all that were ever defined, as far as is known.
  var nextTableID: TableID { TableID(UInt32(max(1, slots.withLock { $0.count }))) }

  /// The table of an id, if it is defined.
  func table(_ id: TableID) -> OpenTable? {
    if case .defined(let table) = slot(id) { table } else { nil }
  }

  /// Whether what was replayed has dropped the table: changes of it mean nothing any more.
  func isDropped(_ id: TableID) -> Bool { if case .dropped = slot(id) { true } else { false } }

  private func slot(_ id: TableID) -> Slot {
    let index = Int(id.value)
    return slots.withLock { index < $0.count ? $0[index] : .undefined }
  }

  private func set(_ slot: Slot, _ id: TableID) {
    let index = Int(id.value)
    slots.withLock { slots in
      while slots.count <= index { slots.append(.undefined) }
      slots[index] = slot
    }
  }

  /// Takes note of a change of tables, before the commit that makes it is applied.
  ///
  /// Makes the column family of a table that is defined (or finds it after a crash: nothing told of it yet).
  func prepare(_ change: SystemChange) throws(StoreError) {
    switch change {
    case .define(let record):
      guard case .undefined = slot(record.id) else { return }
      set(.defined(OpenTable(record: record, family: try database.family(record.familyName))), record.id)
    case .drop(let id):
      // Its family is remembered from the first time on.
      if isDropped(id) { return }
      set(.dropped(table(id)), id)
    }
  }

  // MARK: Changes

  /// Brings the changes of batches, the latest first, and the state that they lead to into the database, atomically.
  ///
  /// After a throw nothing of it shows. `failedBefore` says whether the database was not even asked: then the same can be
  /// tried again.
  func install(
    _ batches: [IndexedBatch], _ state: CommittedState, failedBefore: inout Bool
  ) throws(StoreError) {
    failedBefore = true
    var system: [SystemChange] = []
    var changes = BatchMerge(batches, .system)
    while let entry = changes.next() {
      // Proof: the batches are kept by the caller, and nobody changes them.
      let value = unsafe entry.state == .deleted ? nil : RawSpan(_unsafeBytes: entry.value)
      let change = unsafe try SystemChange(key: RawSpan(_unsafeBytes: entry.key), value: value)
      try prepare(change)
      system.append(change)
    }
    var files: [TableFilePath] = []
    var emptied: [OpenTable] = []
    try cleaningUp { () throws(RocksDBError) in
      for table in tables {
        var deletesMany = false
        if let path = try write(batches, of: table, deletesMany: &deletesMany) { files.append((table, path)) }
        if deletesMany { emptied.append(table) }
      }
      try writeOffsets(state, system)
    }
    failedBefore = false
    try takeIn(files)
    tablesToCompact.withLock { $0 = emptied }
  }

  /// Takes table files with all that led to a state into the database, atomically, with the definitions of all tables.
  ///
  /// They are moved; after a throw nothing of them shows, and they are where they were.
  func take(_ files: [TableFilePath], _ state: CommittedState) throws(StoreError) {
    var system: [SystemChange] = []
    for (index, slot) in slots.withLock({ $0 }).enumerated() {
      switch slot {
      case .undefined: break
      case .defined(let table): system.append(.define(table.record))
      case .dropped: system.append(.drop(TableID(UInt32(index))))
      }
    }
    try cleaningUp { () throws(RocksDBError) in try writeOffsets(state, system) }
    try takeIn(files)
  }

  /// Brings all that waits into the database.
  func apply(_ waiting: inout WaitingCommits) throws(StoreError) {
    guard let application = waiting.beginApplication() else { return }
    var failedBefore = false
    try install(application.batches, application.state, failedBefore: &failedBefore)
    waiting.end(application)
  }

  /// What failed leaves nothing in the directory of files on their way.
  private func cleaningUp(_ body: () throws(RocksDBError) -> Void) throws(StoreError) {
    do throws(RocksDBError) { try body() } catch {
      try? directory.removeIngestionFiles()
      throw StoreError(error, "table files can't be written", ["directory": directory.ingestion])
    }
  }

  private func takeIn(_ files: [TableFilePath]) throws(StoreError) {
    try cleaningUp { () throws(RocksDBError) in
      var ingestion = try database.handle.makeIngestion()
      for file in files { try ingestion.add(file.path, to: file.table.family) }
      try ingestion.add(offsetsPath, to: database.offsets)
      try ingestion.finish()
    }
    dropFamilies()
  }

  /// Has RocksDB compact the tables of which files delete many rows, as each scan there would step over the deleted ones until
  /// then.
  ///
  /// Beside all other work, and only as far as that rewrites little: larger tables wait until there are as many files as any
  /// compaction waits for.
  ///
  /// Called once no snapshot of before is left that is the application's own: a compaction drops only what all snapshots see deleted.
  func compactWhatIsEmptied() {
    let tables = tablesToCompact.withLock { tables in
      defer { tables = [] }
      return tables
    }
    for table in tables where fileBytes(of: table) <= Self.smallTableBytes {
      database.handle.suggestCompaction(of: table.family)
    }
  }

  private func fileBytes(of table: OpenTable) -> Int {
    database.integerProperty("rocksdb.live-sst-files-size", in: table.family)
  }

  /// Drops the column families of dropped tables, which `offsets` tells to be dropped.
  ///
  /// One that can't be dropped takes room, and no more: the next open drops it.
  private func dropFamilies() {
    for case .dropped(let table?) in slots.withLock({ $0 }) {
      try? database.handle.dropColumnFamily(table.family)
      set(.dropped(nil), table.id)
      // RocksDB tells of no end of a stall of a family that is gone.
      forgetStall(table.record.familyName)
    }
  }

  // MARK: Table files

  private var offsetsPath: String { "\(directory.ingestion)/offsets.sst" }

  /// From this many deleted rows on, where they are half of a file, a table of at most these bytes is compacted.
  private static let manyDeletes = 1000
  private static let smallTableBytes = 64 << 20

  /// Writes what batches change of a table; `nil` if they don't.
  ///
  /// `deletesMany`: whether scans would step over many deleted rows.
  private func write(
    _ batches: [IndexedBatch], of table: OpenTable, deletesMany: inout Bool
  ) throws(RocksDBError) -> String? {
    var changes = BatchMerge(batches, table.id)
    // Over an empty table deletes hide nothing, and nothing would ever take them out of the way of scans.
    let skipsDeletes = fileBytes(of: table) == 0
    func next() -> BatchEntry? {
      while let entry = changes.next() { if !skipsDeletes || entry.state != .deleted { return entry } }
      return nil
    }
    guard var entry = next() else { return nil }
    let path = "\(directory.ingestion)/\(table.id).sst"
    var file = try database.handle.makeTableFile(at: path, for: table.family)
    var (deletes, puts) = (0, 0)
    while true {
      // Proof: the batches are kept by the caller, and nobody changes them.
      let key = unsafe RawSpan(_unsafeBytes: entry.key)
      if entry.state == .deleted {
        deletes += 1
        try file.delete(key)
      } else {
        puts += 1
        unsafe try file.put(key, RawSpan(_unsafeBytes: entry.value))
      }
      guard let following = next() else { break }
      entry = following
    }
    try file.finish()
    deletesMany = deletes >= Self.manyDeletes && deletes >= puts
    return path
  }

  /// Writes the rows of `offsets` that come with the changes.
  private func writeOffsets(_ state: CommittedState, _ system: [SystemChange]) throws(RocksDBError) {
    var rows = OffsetsRows()
    rows.set(state, offsetKey: offsetKey)
    for change in system {
      switch change {
      case .define(let record): rows.set(OffsetsFamily.tableKey(record.id)) { record.encodeValue(into: &$0) }
      // The row stays, so that the id isn't used again.
      case .drop(let id): rows.set(OffsetsFamily.tableKey(id)) { _ in }
      }
    }
    try rows.write(to: offsetsPath, for: database)
  }
}
