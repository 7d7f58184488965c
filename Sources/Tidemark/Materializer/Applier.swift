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
    try cleaningUp { () throws(RocksDBError) in
      for table in tables { if let path = try write(batches, of: table) { files.append((table, path)) } }
      try writeOffsets(state, system)
    }
    failedBefore = false
    try takeIn(files)
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

  /// Writes the changes of a table to a table file; `nil` if the batches have none.
  private func write(_ batches: [IndexedBatch], of table: OpenTable) throws(RocksDBError) -> String? {
    var changes = BatchMerge(batches, table.id)
    guard var entry = changes.next() else { return nil }
    let path = "\(directory.ingestion)/\(table.id).sst"
    var file = try database.handle.makeTableFile(at: path, for: table.family)
    while true {
      // Proof: the caller keeps the batches, and no thread modifies them.
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
