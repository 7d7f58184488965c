internal import Changelog
internal import RocksDB

/// A database that was opened for a materializer, with all that works on it.
struct OpenDatabase: Sendable {
  let directory: StoreDirectory
  let options: StoreOptions
  let database: SharedDatabase
  let observer: StoreObserver
  let health: Health
  let barrier: LogBarrier
  let applier: Applier
  let views: ViewRegistry

  /// Opens the database of a directory, or makes it; `partition` names the row with the stored offset.
  ///
  /// `keeping` is released once the database is closed: after the last reader, RocksDB's own threads included.
  init(
    _ directory: StoreDirectory, _ options: StoreOptions, _ observer: StoreObserver, _ barrier: LogBarrier,
    _ partition: TopicPartition, keeping: (any AnyObject & Sendable)?
  ) throws(StoreError) {
    let health = Health(observer)
    var settings = directory.databaseOptions(options)
    // RocksDB has a lock of its own, which goes sooner.
    settings.keptUntilClosed = keeping
    settings.onCompactionCompleted = { observer.metrics?.compactionCompleted() }
    settings.onCompactionFailed = { observer.compactionFailed($0) }
    settings.onStallChanged = { observer.stallChanged(of: $0, to: $1) }
    settings.onBackgroundError = { error in
      observer.backgroundFailed(error)
      health.fail(StoreError(error, "the database failed in the background"))
    }
    self.directory = directory
    self.options = options
    self.observer = observer
    self.health = health
    self.barrier = barrier
    directory.removeEmptyLogs()
    database = try SharedDatabase(try directory.openDatabase(settings, "the database can't be opened"))
    applier = try Applier(database, directory, partition) { observer.stallChanged(of: $0, to: .none) }
    views = ViewRegistry(expiry: options.snapshotExpiry)
  }

  /// The stored state; writes the first rows of a new store that begins at `start`.
  func state(
    startingAt start: CommittedState, of identity: ChangelogIdentity, hasTailLog: Bool
  ) throws(StoreError) -> CommittedState {
    if let stored = try database.state() { return stored }
    var rows = OffsetsRows()
    rows.set(.version1)
    rows.set(OffsetsFamily.identityKey) { $0.append(OffsetsFamily.encode(identity).rawSpan) }
    if hasTailLog { rows.setTail() }
    rows.set(start, offsetKey: OffsetsFamily.offsetKey(identity.topicPartition))
    try rows.install(in: database, by: directory)
    return start
  }

  /// The tables of the stored state that are declared, as they were declared; throws if one was made with other codecs.
  func tables(declared: [any TableDefinition]) throws(StoreError) -> OpenTables {
    try TableRecord.checkFormats(of: declared, applier.tables.map(\.record))
    var tables: [OpenTable] = []
    for table in applier.tables {
      guard let definition = declared.first(where: { $0.name == table.name }) else { continue }
      tables.append(
        OpenTable(
          record: table.record, family: try database.family(table.record.familyName), codecTypes: definition.codecTypes)
      )
    }
    return OpenTables(tables)
  }

  /// A view of what is stored, for reads before the rest is restored; `nil` before anything was.
  func storedView(declared: [any TableDefinition], _ usage: StoreUsage) throws(StoreError) -> View? {
    guard let state = try database.state(), state.offset > .zero else { return nil }
    let layers = ReadLayers(
      over: DatabaseVersion(database: database, snapshot: DatabaseSnapshot(database)))
    return views.makeView(of: try tables(declared: declared), state, layers, usage)
  }
}
