internal import Changelog
internal import RocksDB

/// Keeps the changelog ahead of the table files: no file is taken in with a change whose changelog batch isn't durable.
struct LogBarrier: Sendable {
  private let writer: any ChangelogWriter

  init(_ writer: any ChangelogWriter) { self.writer = writer }

  /// Makes the changelog durable up to an offset, unless it is, before changes below it go to the database.
  func raise(to offset: Offset) throws(StoreError) {
    if writer.durableOffset < offset { try writer.sync() }
  }
}

/// Writes committed changes to the database, together with the state after them.
///
/// Commits and restore both go through it; nothing else changes the database.
///
/// Changes become table files in the store's directory, one for each table and one for `offsets`. RocksDB takes all of
/// them in with one atomic ingestion, which is durable at once and bypasses its log and its memtables. One thread at a
/// time changes the database through the applier; other threads may look up and define tables meanwhile.
final class Applier: Sendable {
  /// A finished table file, and the table that it belongs to.
  typealias TableFilePath = (table: OpenTable, path: String)

  /// The state of a table id.
  private enum Slot {
    case undefined
    case defined(OpenTable)
    /// Dropped by a replayed commit; the database may still have it.
    case dropped(TableRecord, OpenTable?)
  }

  let database: SharedDatabase
  private let directory: StoreDirectory
  private let offsetKey: [UInt8]
  /// Called with the names of dropped column families.
  private let forgetStall: @Sendable (String) -> Void
  /// Those that the last files went to.
  private let tablesToCompact = Mutex<[(table: OpenTable, deletesMany: Bool)]>([])
  /// By table id.
  private let slots = Mutex<[Slot]>([])
  /// The version of the formats that what was replayed says.
  private let format = Mutex(FormatVersion.version1)

  init(
    _ database: SharedDatabase, _ directory: StoreDirectory, _ partition: TopicPartition,
    forgetStall: @escaping @Sendable (String) -> Void = { _ in }
  ) throws(StoreError) {
    self.database = database
    self.forgetStall = forgetStall
    self.directory = directory
    offsetKey = OffsetsFamily.offsetKey(partition)
    for record in try database.tableRows() {
      if !record.isDropped {
        set(.defined(OpenTable(record: record, family: try database.family(record.familyName))), record.id)
      } else {
        // A crash interrupted the drop: its column family is dropped as well.
        if let family = database.handle.columnFamily(record.familyName) {
          try? database.handle.dropColumnFamily(family)
        }
        set(.dropped(record, nil), record.id)
      }
    }
    try directory.emptyIngestion()
  }

  // MARK: Tables

  /// The tables that are defined.
  var tables: [OpenTable] {
    slots.withLock { $0.compactMap { if case .defined(let table) = $0 { table } else { nil } } }
  }

  /// The id of the next table: greater than all known ids, also those of dropped tables.
  var nextTableID: TableID { TableID(UInt32(max(1, slots.withLock { $0.count }))) }

  /// The table of an id, if it is defined.
  func table(_ id: TableID) -> OpenTable? {
    if case .defined(let table) = slot(id) { table } else { nil }
  }

  /// Whether a replayed commit has dropped the table: its changes are ignored.
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

  /// Prepares a change of tables or formats, before the commit that makes it is applied.
  ///
  /// Creates the column family of a defined table, or finds it: a crash may have come before the definition was
  /// applied.
  func prepare(_ change: SystemChange) throws(StoreError) {
    switch change {
    case .define(let record):
      guard case .undefined = slot(record.id) else { return }
      set(.defined(OpenTable(record: record, family: try database.family(record.familyName))), record.id)
    case .drop(let record):
      // The slot has its family from the first call on.
      if isDropped(record.id) { return }
      set(.dropped(record, table(record.id)), record.id)
    case .format(let version): format.withLock { $0 = max($0, version) }
    }
  }

  // MARK: Changes

  /// Writes the changes of batches, the latest first, and the state after them to the database, atomically.
  ///
  /// After a throw readers see none of the changes. `failedBefore` says whether the failure came before the ingestion:
  /// then the same can be tried again.
  func install(
    _ batches: [IndexedBatch], _ state: CommittedState, failedBefore: inout Bool
  ) throws(StoreError) {
    failedBefore = true
    var system: [SystemChange] = []
    var changes = BatchMerge(batches, .system)
    while let entry = changes.next() {
      // Proof: the caller keeps the batches, and no thread modifies them.
      let value = unsafe entry.state == .deleted ? nil : RawSpan(_unsafeBytes: entry.value)
      let change = unsafe try SystemChange(key: RawSpan(_unsafeBytes: entry.key), value: value)
      try prepare(change)
      system.append(change)
    }
    var files: [TableFilePath] = []
    var changed: [(table: OpenTable, deletesMany: Bool)] = []
    try cleaningUp { () throws(RocksDBError) in
      for table in tables {
        var deletesMany = false
        guard let path = try write(batches, of: table, deletesMany: &deletesMany) else { continue }
        files.append((table, path))
        changed.append((table, deletesMany))
      }
      try writeOffsets(state, system)
    }
    failedBefore = false
    try takeIn(files)
    tablesToCompact.withLock { $0 = changed }
  }

  /// Ingests the table files of a restore with the state after them and the definitions of all tables, atomically.
  ///
  /// The files are moved. After a throw readers see none of them, and the files are in their original places.
  func take(_ files: [TableFilePath], _ state: CommittedState) throws(StoreError) {
    var system: [SystemChange] = []
    for slot in slots.withLock({ $0 }) {
      switch slot {
      case .undefined: break
      case .defined(let table): system.append(.define(table.record))
      case .dropped(let record, _): system.append(.drop(record))
      }
    }
    system.append(.format(format.withLock { $0 }))
    try cleaningUp { () throws(RocksDBError) in try writeOffsets(state, system) }
    try takeIn(files)
  }

  /// Applies all waiting commits.
  func apply(_ waiting: inout WaitingCommits) throws(StoreError) {
    guard let application = waiting.beginApplication() else { return }
    var failedBefore = false
    try install(application.batches, application.state, failedBefore: &failedBefore)
    waiting.end(application)
  }

  /// Runs `body`; after a failure it removes the files in the directory of files to ingest.
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

  /// Compacts what RocksDB wouldn't, or not soon: tables of many small files, and those in which the last files delete
  /// many rows, which each scan steps over until then.
  ///
  /// Small files are merged before it returns, which is bounded; of deleted rows RocksDB is told, and drops them in the
  /// background. Larger tables wait for an ordinary compaction, as this one would rewrite much. Call it after the
  /// application's own snapshot is released: a compaction drops only rows that all snapshots see as deleted.
  func compactTables() {
    let tables = tablesToCompact.withLock { tables in
      defer { tables = [] }
      return tables
    }
    for (table, deletesMany) in tables {
      if deletesMany, fileBytes(of: table) <= Self.smallTableBytes {
        database.handle.suggestCompaction(of: table.family)
      } else {
        database.handle.mergeSmallFiles(of: table.family, .few)
      }
    }
    if !tables.isEmpty { database.handle.mergeSmallFiles(of: database.offsets, .few) }
  }

  private func fileBytes(of table: OpenTable) -> Int {
    database.integerProperty(Self.fileBytesProperty, in: table.family)
  }

  private static let fileBytesProperty = "rocksdb.live-sst-files-size"

  /// Whether the database certainly has no row of a table: also the rows of a log of RocksDB, which a store of version 0.1
  /// may have, are in table files once it is open.
  private func isEmpty(_ table: OpenTable) -> Bool {
    database.handle.integerProperty(Self.fileBytesProperty, in: table.family) == 0
  }

  /// Drops the column families of tables that are marked as dropped in `offsets`.
  ///
  /// A family that can't be dropped only takes space: the next open drops it.
  private func dropFamilies() {
    for case .dropped(let record, let table?) in slots.withLock({ $0 }) {
      try? database.handle.dropColumnFamily(table.family)
      set(.dropped(record, nil), table.id)
      // RocksDB doesn't report the end of a stall of a dropped family.
      forgetStall(table.record.familyName)
    }
  }

  // MARK: Table files

  private var offsetsPath: String { "\(directory.ingestion)/offsets.sst" }

  /// A table of at most these bytes is compacted after a file with at least so many deletes, if they are half of it.
  private static let manyDeletes = 1000
  private static let smallTableBytes = 64 << 20

  /// Writes the changes of a table to a table file; `nil` if the batches have none.
  ///
  /// `deletesMany`: whether scans would step over many deleted rows.
  private func write(
    _ batches: [IndexedBatch], of table: OpenTable, deletesMany: inout Bool
  ) throws(RocksDBError) -> String? {
    var changes = BatchMerge(batches, table.id)
    // In an empty table deletes hide nothing, and no compaction would ever drop them.
    let skipsDeletes = isEmpty(table)
    func next() -> BatchEntry? {
      while let entry = changes.next() { if !skipsDeletes || entry.state != .deleted { return entry } }
      return nil
    }
    guard var entry = next() else { return nil }
    let path = "\(directory.ingestion)/\(table.id).sst"
    var file = try database.handle.makeTableFile(at: path, for: table.family)
    var (deletes, puts) = (0, 0)
    while true {
      // Proof: the caller keeps the batches, and no thread modifies them.
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
      // The row of a dropped table stays, so that the id isn't used again.
      case .define(let record), .drop(let record):
        rows.set(OffsetsFamily.tableKey(record.id)) { record.encodeValue(into: &$0) }
      case .format: break
      }
    }
    // What version 1 can't read doesn't come in without saying so. There is none to go back from.
    if let version = system.map(\.formatVersion).max(), version > .version1 { rows.set(version) }
    try rows.write(to: offsetsPath, for: database)
  }
}

extension RocksDB.Database.SmallFiles {
  /// Files of this mean size are merged: each application then pays for at most so many bytes of the merge.
  fileprivate static var few: Self { Self(fileCount: 8, bytesPerFile: 64 << 10, bytes: 16 << 20) }
}
