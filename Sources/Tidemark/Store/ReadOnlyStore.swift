public import Changelog
internal import RocksDB

/// A store that is open for reading only: its state at the stored offset, which doesn't change while it is open.
///
/// Several read-only stores may share a directory; it can't be opened for writing meanwhile.
/// ``StateStore/openReadOnly(_:tables:options:)`` opens one.
public final class ReadOnlyStore: Sendable {
  /// The store's directory.
  public let directory: String
  /// The stored offset: later commits are only in the changelog, and aren't shown.
  public let offset: Offset
  /// The receipt of the commit that ends at the stored offset: a changelog is the store's own if it has the same one there.
  public let receipt: Receipt
  /// How far each input partition was consumed up to there.
  public let position: Position
  /// The greatest event timestamp seen up to there.
  public let streamTime: Timestamp?
  /// All tables of the state, also those that weren't declared.
  public let tables: [StoreInfo.TableInfo]
  private let view: Mutex<View?>

  fileprivate init(_ directory: StoreDirectory, _ view: View, _ tables: [StoreInfo.TableInfo]) {
    self.directory = directory.path
    offset = view.state.offset
    receipt = view.state.receipt
    position = view.state.position
    streamTime = view.state.streamTime
    self.tables = tables
    self.view = Mutex(view)
  }

  /// A view of the state; all views show the same state.
  public func snapshot() throws(StoreError) -> Snapshot {
    guard let view = view.withLock({ $0 }) else { throw Health.closedError() }
    return Snapshot(view: view)
  }

  /// Closes the store; its directory is unlocked once the last snapshot and cursor are released as well.
  public func close() { _ = view.withLock { $0.take() } }
}

extension StateStore {
  /// Opens a store read-only: shows its state at the stored offset, and changes nothing in its directory.
  ///
  /// The directory may be on a file system that is mounted read-only. Commits after the stored offset are only in the
  /// changelog, and aren't shown; a store that was closed has none. A checkpoint can be opened like this, too.
  ///
  /// - Parameters:
  ///   - path: the store's directory.
  ///   - tables: the tables to use. Reading a table that the state doesn't have throws `invalidArgument`.
  ///   - options: those that the store is opened with; the memory budget, and RocksDB's options, matter here.
  /// - Returns: the store; it stays open until its last user is released.
  /// - Throws: `locked` while the store is open for writing, in this process or another: read there, or take a
  ///   checkpoint there and open the checkpoint. `invalidArgument` if there is no store, or nothing is stored in it;
  ///   `schemaMismatch` if a table was created with other codecs; `corrupted` if files are damaged.
  public static func openReadOnly(
    _ path: String, tables: [any TableDefinition], options: StoreOptions = StoreOptions()
  ) throws(StoreError) -> ReadOnlyStore {
    try TableRecord.validate(namesOf: tables)
    let options = try options.validated()
    let directory = StoreDirectory(path: path, options.fileSystem)
    let lock = try FileLock(
      sharing: directory.lock, "the store", remedy: "read there, or take a checkpoint there and open that",
      directory.storage)
    guard try look(at: directory, options) != nil else {
      throw StoreError(.invalidArgument, "there is no store, or nothing is stored in it", ["directory": path])
    }
    let handle = try mappingErrors(
      to: "the database can't be read; nothing was changed", ["directory": path]
    ) { () throws(RocksDBError) in
      try RocksDB.Database.openReadOnly(
        directory.database, options: directory.databaseOptions(options),
        columnFamilies: try directory.columnFamilyNames())
    }
    let database = try SharedDatabase(handle)
    guard let state = try database.state() else {
      throw StoreError(.corrupted, "the database has no stored offset; nothing was changed", ["directory": path])
    }
    let records = try database.tableRecords()
    try TableRecord.checkFormats(of: tables, records)
    var found: [OpenTable] = []
    for record in records {
      let declared = tables.first { $0.name == record.name }
      found.append(
        OpenTable(record: record, family: try database.family(record.familyName), codecTypes: declared?.codecTypes))
    }
    let open = found.filter { $0.codecTypes != nil }
    let layers = ReadLayers(over: DatabaseVersion(database: database), keeping: lock)
    let view = View(OpenTables(open), state, layers, StoreUsage(), canExpire: false)
    return ReadOnlyStore(directory, view, found.map { StoreInfo.TableInfo($0, database) })
  }

  /// The stored offset of a store, without opening it: the store may be closed, or open elsewhere.
  ///
  /// Takes no lock, and changes nothing. If the store is open, the result is the stored offset at some moment during
  /// the call; the store may have later commits.
  ///
  /// - Returns: `nil` if there is no store, or nothing is stored in it.
  /// - Throws: `corrupted` if files are damaged, `unsupported` for a store of a newer version.
  public static func storedOffset(at path: String) throws(StoreError) -> StoredOffset? {
    try storedOffset(at: path, FileSystem())
  }

  package static func storedOffset(at path: String, _ fileSystem: FileSystem) throws(StoreError) -> StoredOffset? {
    let directory = StoreDirectory(path: path, fileSystem)
    var options = StoreOptions.forOneLook
    options.fileSystem = fileSystem
    var tries = 1
    while true {
      do throws(StoreError) {
        guard let stored = try look(at: directory, options) else { return nil }
        let state = stored.state
        return StoredOffset(
          offset: state.offset, position: state.position, streamTime: state.streamTime,
          formatVersion: stored.formatVersion)
      } catch {
        // A process that has the store open may have removed files between two steps.
        if tries == greatestTries || error.kind == .unsupported { throw error }
        tries += 1
      }
    }
  }

  private static var greatestTries: Int { 5 }

  /// The stored state, checked against `HEAD`; `nil` if nothing is stored.
  private static func look(at directory: StoreDirectory, _ options: StoreOptions) throws(StoreError) -> StoredState? {
    // Without both, the checks would create a `HEAD`.
    let (hasHead, hasDatabase) = (try directory.hasHead, try directory.hasDatabase)
    guard hasHead || hasDatabase else { return nil }
    return try OpeningChecks(directory: directory, options: options).storedState()
  }
}

/// The state of a store's table files.
public struct StoredOffset: Sendable, Hashable {
  /// The next changelog record to apply.
  public let offset: Offset
  /// How far each input partition was consumed up to there.
  public let position: Position
  /// The greatest event timestamp seen up to there.
  public let streamTime: Timestamp?
  /// The version of the formats that they are of.
  public let formatVersion: FormatVersion
}
