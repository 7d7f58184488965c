internal import Changelog
internal import RocksDB

/// What opening has put together when the engine starts.
struct OpenedParts: ~Copyable {
  let directory: StoreDirectory
  let options: StoreOptions
  let database: SharedDatabase
  let changelog: (any Changelog)?
  let writer: any ChangelogWriter
  let observer: StoreObserver
  let health: Health
  let signals: MaintenanceSignals
  let barrier: LogBarrier
  let applier: Applier
  let waiting: WaitingCommits
  let replayRate: ReplayRate
}

extension StateStore {
  /// Opens a store: recovers what is on the local disk, then restores the rest from the changelog.
  ///
  /// Tables that the store doesn't know yet are made; tables that it knows and that aren't declared are kept and restored,
  /// out of sight. Nothing is ever wiped: what doesn't fit is an error, and the files stay as they are.
  ///
  /// - Parameters:
  ///   - path: the store's directory, made if there is none.
  ///   - tables: the tables to use.
  ///   - changelog: the store's changelog; without one, RocksDB's write-ahead log keeps the commits.
  ///   - options: how the store behaves.
  ///   - progress: called now and then on the calling thread. Where it throws, opening ends with `cancelled`; the
  ///     next open goes on behind the sorted runs that were written. `{ _ in try Task.checkCancellation() }` ends it with a
  ///     task.
  ///   - whileRestoring: called on the calling thread with the state at the *stored* offset before more than that is
  ///     replayed, and again whenever table files have taken in more: for reads that may be behind. The snapshot's `offset`
  ///     and `position` say where it stands; a table that its state doesn't have throws `invalidArgument`. As long as it is
  ///     kept, it holds the directory, also where opening fails; it can expire once the store is open. A new store has
  ///     nothing to show.
  /// - Returns: the open store.
  /// - Throws: `locked` while another holds the store or the changelog, `wrongChangelog` if the state belongs to another
  ///   changelog or to one that was cut, recreated or forked, `corrupted` if files are damaged, `invalidArgument` if a
  ///   table was made with other codecs, `cancelled` if `progress` throws.
  public static func open(
    _ path: String, tables: [any TableDefinition], changelog: (any Changelog)? = nil,
    options: StoreOptions = StoreOptions(),
    progress: (OpenProgress) throws -> Void = { _ in
    }, whileRestoring: ((Snapshot) -> Void)? = nil
  ) throws(StoreError) -> StateStore {
    for table in tables { try TableRecord.validate(name: table.name) }
    guard Set(tables.map(\.name)).count == tables.count else {
      throw StoreError(
        .invalidArgument, "two tables have the same name", ["tables": tables.map(\.name).joined(separator: ", ")])
    }
    let opening = try Opening(StoreDirectory(path: path, options.fileSystem), changelog, options)
    return StateStore(
      try opening.run(tables, whileRestoring) { (step) throws(StoreError) in try step.report(orCancelFor: progress) })
  }

  /// Moves the database of a closed store aside, so that the next open restores all of it from the changelog.
  ///
  /// What to do about a damaged database. The files are kept for inspection, in the directory that is returned. Where the
  /// changelog was deleted below a checkpoint, the next open begins with a copy of that; without it nothing is moved. Nor is
  /// a store without a changelog, as long as that can be told. What a crash interrupts is to be called again.
  public static func setAside(_ path: String) throws(StoreError) -> String {
    try setAside(path, FileSystem())
  }

  package static func setAside(_ path: String, _ fileSystem: FileSystem) throws(StoreError) -> String {
    let directory = StoreDirectory(path: path, fileSystem)
    let lock = try directory.takeLock()
    return try withExtendedLifetime(lock) { () throws(StoreError) in
      // A database that can still be read tells that nothing could bring it back.
      if let stored = try? StoredState.read(directory, .forOneLook), stored.identity.isEmpty {
        throw StoreError(
          .invalidArgument, "a store without a changelog can't be restored; put back a copy of its directory",
          ["directory": path])
      }
      _ = try directory.baseCheckpoint(of: nil)
      return try directory.setAside()
    }
  }
}

/// The steps of opening, in their order: nothing is written before everything was checked.
private struct Opening {
  let directory: StoreDirectory
  let changelog: (any Changelog)?
  let options: StoreOptions
  let lock: FileLock
  let signals = MaintenanceSignals()
  let begin = ContinuousClock.now

  init(_ directory: StoreDirectory, _ changelog: (any Changelog)?, _ options: StoreOptions) throws(StoreError) {
    if !options.createIfMissing, try !directory.exists {
      throw StoreError(.invalidArgument, "there is no store", ["directory": directory.path])
    }
    try directory.create()
    lock = try directory.takeLock()
    self.directory = directory
    self.changelog = changelog
    self.options = options
  }

  func run(
    _ tables: [any TableDefinition], _ whileRestoring: ((Snapshot) -> Void)?,
    _ progress: (OpenProgress) throws(StoreError) -> Void
  ) throws(StoreError) -> Engine {
    var stored = try checkDatabase()
    if stored == nil { stored = try takeBase() }
    try checkChangelog(stored?.state, stored?.identity)
    let writer: any ChangelogWriter = try changelog?.openWriter() ?? LocalWriter(stored?.state)
    // Not before: whoever has the writer has the name that metrics go by.
    let observer = StoreObserver(options, directory, changelog?.identity)
    observer.recovered(writer.recovery)
    do throws(StoreError) {
      return try open(tables, writer, observer, whileRestoring, progress)
    } catch {
      observer.metrics?.close()
      try? writer.close()
      throw error
    }
  }

  // MARK: Checks, which write nothing

  /// What the database holds, seen read-only and compared with `HEAD`; `nil` before anything was stored.
  private func checkDatabase() throws(StoreError) -> StoredState? {
    guard let bytes = try directory.storage.contents(of: directory.head) else {
      guard try !directory.hasDatabase else {
        throw StoreError(
          .corrupted,
          "HEAD is gone, so nobody can tell what the database must contain; rebuild the store from its"
            + " changelog, or put back a copy of the file", ["file": directory.head])
      }
      // The promise of `HEAD` comes before the database: from here on a database without it is a damaged store.
      try directory.storage.replace(directory.head, with: Array(Head(stored: nil, manifest: 0).text.utf8))
      return nil
    }
    let head = try Head(parsing: bytes, file: directory.head)
    let found = try StoredState.read(directory, options)
    guard try directory.manifestNumber() ?? 0 >= head.manifest else {
      throw lostData("CURRENT is gone or names an older MANIFEST than HEAD", head, found: found?.state)
    }
    guard let must = head.stored else { return found }
    guard let found else { throw lostData("the database is empty", head, found: nil) }
    guard found.state.offset >= must.offset, found.state.offset > must.offset || found.state.receipt == must.receipt
    else { throw lostData("the database holds less than HEAD says, or something else", head, found: found.state) }
    return found
  }

  /// Begins with the checkpoint below which the changelog was deleted, if it was.
  private func takeBase() throws(StoreError) -> StoredState? {
    guard let changelog, let base = try directory.baseCheckpoint(of: changelog) else { return nil }
    try directory.takeDatabase(of: base.place)
    return try StoredState.read(directory, options)
  }

  private func lostData(_ message: String, _ head: Head, found: CommittedState?) -> StoreError {
    StoreError(
      .corrupted, message + "; nothing was changed; rebuild the store from its changelog, or put back a copy",
      [
        "directory": directory.path, "HEAD's offset": head.stored?.offset.description ?? "none",
        "found": found?.offset.description ?? "none", "HEAD's MANIFEST": head.manifest,
      ])
  }

  /// Whether the changelog is the one that the state is a replay of.
  private func checkChangelog(_ stored: CommittedState?, _ identity: [UInt8]?) throws(StoreError) {
    guard let stored, let identity else {
      guard let changelog else { return }
      let start = try changelog.offsets().start
      guard start == .zero else {
        throw StoreError(
          .wrongChangelog,
          "the changelog was deleted below an offset, so an empty store can't be restored from it;"
            + " start from the checkpoint that covers it", ["changelog": changelog.identity, "start": start])
      }
      return
    }
    guard let changelog else {
      guard identity.isEmpty else {
        throw StoreError(
          .wrongChangelog, "the store has a changelog; open it with that", ["directory": directory.path])
      }
      return
    }
    guard identity == OffsetsFamily.encode(changelog.identity) else {
      throw StoreError(
        .wrongChangelog, "the store belongs to another changelog, or the changelog was recreated",
        ["directory": directory.path, "changelog": changelog.identity])
    }
    let offsets = try changelog.offsets()
    guard stored.offset <= offsets.end else {
      throw StoreError(
        .wrongChangelog, "the changelog ends before the stored offset: it was cut or replaced by an older copy",
        ["directory": directory.path, "stored offset": stored.offset, "end": offsets.end])
    }
    let receipt: Receipt?
    do throws(StoreError) {
      receipt = try changelog.receipt(endingAt: stored.offset)
    } catch  where error.kind == .invalidArgument {
      receipt = nil
    }
    guard let receipt else {
      throw StoreError(
        .wrongChangelog, "no commit of the changelog ends at the stored offset",
        ["directory": directory.path, "stored offset": stored.offset, "start": offsets.start])
    }
    guard receipt == stored.receipt else {
      throw StoreError(
        .wrongChangelog, "the changelog's history is another than the store's: it was forked",
        [
          "directory": directory.path, "stored offset": stored.offset, "stored receipt": stored.receipt,
          "changelog's receipt": receipt,
        ])
    }
  }

  // MARK: Opening

  private func open(
    _ declared: [any TableDefinition], _ writer: any ChangelogWriter, _ observer: StoreObserver,
    _ whileRestoring: ((Snapshot) -> Void)?, _ progress: (OpenProgress) throws(StoreError) -> Void
  ) throws(StoreError) -> Engine {
    let health = Health(observer)
    let barrier = LogBarrier(writer)
    let database = try SharedDatabase(try openDatabase(barrier, observer, health))
    let partition = changelog?.identity.topicPartition ?? LocalWriter.partition
    var tables: [OpenTable] = []
    for record in try database.tableRecords() {
      tables.append(OpenTable(record: record, family: try database.family(record.familyName)))
    }
    let way: Applier.Way
    if changelog != nil {
      try directory.emptyIngestion()
      way = .tableFiles(directory)
    } else {
      way = .writeBatch(options.syncsWithoutChangelog ? .synced : .unsynced)
    }
    let applier = Applier(database: database, partition: partition, way, tables: tables)
    let state: CommittedState
    if let stored = try database.state() { state = stored } else { state = try initialize(database, applier) }
    var waiting = WaitingCommits(database, options, state)
    var replayRate = ReplayRate()
    var earlyViews: [Engine.WeakView] = []
    try checkFormats(of: declared, applier.tables)
    if let changelog {
      func show() throws(StoreError) {
        guard let whileRestoring, let stored = try database.state(), stored.offset > .zero else { return }
        let view = try storedView(stored, database, applier, declared, observer)
        if options.snapshotExpiry != nil { earlyViews.append(Engine.WeakView(view: view)) }
        whileRestoring(Snapshot(view: view))
      }
      // R3 also for what restore applies: it may come from a log whose end was never synced.
      try writer.sync()
      try barrier.raise(to: writer.endOffset)
      // A crash on the way must find `HEAD` telling of what is applied.
      var head: Head?
      let restore = Restore(
        changelog, applier, directory, options.budget, lagBytes: options.storedLagBytes, since: begin,
        discarded: observer.discardedRuns
      ) { () throws(StoreError) in
        try Head.write(database, directory, over: &head)
        try show()
      }
      if state.offset < writer.endOffset { try show() }
      let waitingBytes = try restore.run(&waiting, to: writer.endOffset) { (step) throws(StoreError) in
        observer.restored(step)
        try progress(step)
        if step.phase == .ready { replayRate = ReplayRate(step) }
      }
      // What waits lags like what is committed.
      if waitingBytes > 0 { signals.committed(bytes: waitingBytes, flushAt: options.lagLimitBytes(replayRate)) }
    } else {
      try leaveMemtablesOut(database)
    }
    let parts = OpenedParts(
      directory: directory, options: options, database: database, changelog: changelog, writer: writer,
      observer: observer, health: health, signals: signals, barrier: barrier, applier: applier, waiting: waiting,
      replayRate: replayRate)
    let engine = try defineTables(declared, parts)
    engine.adopt(earlyViews)
    try engine.writeHead()
    options.budget.join(engine)
    observer.opened(engine, in: begin.duration(to: .now))
    return engine
  }

  /// A view of what is stored, for reads before the rest is restored.
  private func storedView(
    _ state: CommittedState, _ database: SharedDatabase, _ applier: Applier, _ declared: [any TableDefinition],
    _ observer: StoreObserver
  ) throws(StoreError) -> View {
    try checkFormats(of: declared, applier.tables)
    var tables: [OpenTable] = []
    for table in applier.tables {
      guard let definition = declared.first(where: { $0.name == table.name }) else { continue }
      tables.append(
        OpenTable(
          record: table.record, family: try database.family(table.record.familyName), codecTypes: definition.codecTypes)
      )
    }
    let writer = LocalWriter(state)
    let parts = OpenedParts(
      directory: directory, options: options, database: database, changelog: nil, writer: writer, observer: observer,
      health: Health(observer), signals: MaintenanceSignals(), barrier: LogBarrier(writer), applier: applier,
      waiting: WaitingCommits(database, options, state), replayRate: ReplayRate())
    return try Engine(parts, tables: tables).makeView()
  }

  private func openDatabase(
    _ barrier: LogBarrier, _ observer: StoreObserver, _ health: Health
  ) throws(StoreError) -> RocksDB.Database {
    var settings = directory.databaseOptions(options)
    let signals = signals
    // Whatever keeps the database open keeps the directory: RocksDB has a lock of its own.
    settings.keptUntilClosed = lock
    settings.tableFileSync = {
      do throws(StoreError) {
        try barrier.hold()
        return nil
      } catch {
        health.fail(error)
        return RocksDBError(.ioError, message: "the changelog can't be synced: \(error)")
      }
    }
    settings.onFlushCompleted = {
      observer.metrics?.flushCompleted()
      signals.flushCompleted()
    }
    settings.onCompactionCompleted = { observer.metrics?.compactionCompleted() }
    settings.onCompactionFailed = { observer.compactionFailed($0) }
    settings.onStallChanged = { observer.stallChanged(of: $0, to: $1) }
    settings.onBackgroundError = { error in
      observer.backgroundFailed(error)
      health.fail(StoreError(error, "the database failed in the background"))
    }
    return try directory.openDatabase(settings, "the database can't be opened")
  }

  /// Makes the stored offset, and `HEAD` with it, tell of table files alone, though there is a write-ahead log: what it
  /// holds may not be synced, and is lost with the power.
  ///
  /// RocksDB counts memtables among what is persisted until a write goes past the log; this one changes nothing.
  private func leaveMemtablesOut(_ database: SharedDatabase) throws(StoreError) {
    var batch = RocksDB.WriteBatch()
    var version = ByteBuffer()
    version.append(varint: OffsetsFamily.formatVersion)
    let key = OffsetsFamily.formatKey
    batch.put(key.rawSpan, version.bytes, in: database.offsets)
    try mappingErrors(to: "the format can't be written") { () throws(RocksDBError) in
      try database.handle.write(batch, log: .off)
    }
  }

  /// The first rows of a store, written to table files before anything else.
  private func initialize(_ database: SharedDatabase, _ applier: Applier) throws(StoreError) -> CommittedState {
    let state = CommittedState(
      offset: .zero, receipt: changelog.map { Receipt(startOf: $0.identity) } ?? LocalWriter.startReceipt)
    var batch = RocksDB.WriteBatch()
    var version = ByteBuffer()
    version.append(varint: OffsetsFamily.formatVersion)
    let (formatKey, identityKey) = (OffsetsFamily.formatKey, OffsetsFamily.identityKey)
    batch.put(formatKey.rawSpan, version.bytes, in: database.offsets)
    let identity = changelog.map { OffsetsFamily.encode($0.identity) } ?? []
    batch.put(identityKey.rawSpan, identity.rawSpan, in: database.offsets)
    try mappingErrors(to: "the store's first rows can't be written") { () throws(RocksDBError) in
      try database.handle.write(batch, log: changelog == nil ? .synced : .off)
    }
    func flush() throws(StoreError) {
      try mappingErrors(to: "the store's first rows can't be flushed") { () throws(RocksDBError) in
        try database.handle.flush(wait: true)
      }
    }
    // Before the state, which may be durable at once, and which says that the other rows are there.
    try flush()
    try applier.install([], state)
    if changelog == nil { try flush() }
    return state
  }

  /// Throws `invalidArgument` if a declared table was made with other codecs.
  private func checkFormats(of declared: [any TableDefinition], _ known: [OpenTable]) throws(StoreError) {
    for table in declared {
      guard let record = known.first(where: { $0.name == table.name })?.record,
        record.keyFormat != table.keyFormat || record.valueFormat != table.valueFormat
      else { continue }
      throw StoreError(
        .invalidArgument, "a table was made with other codecs; declare it as it was made, or under another name",
        [
          "table": table.name, "made with": "\(record.keyFormat) -> \(record.valueFormat)",
          "declared": "\(table.keyFormat) -> \(table.valueFormat)",
        ])
    }
  }

  /// Matches the declared tables with the known ones, and makes those that are missing.
  private func defineTables(
    _ declared: [any TableDefinition], _ parts: consuming OpenedParts
  ) throws(StoreError) -> Engine {
    // Again: the changelog may have defined some.
    try checkFormats(of: declared, parts.applier.tables)
    var known: [String: TableRecord] = [:]
    var nextID: UInt32 = 1
    for table in parts.applier.tables {
      known[table.name] = table.record
      nextID = max(nextID, table.id.value + 1)
    }
    var records: [TableRecord] = []
    var missing: [TableRecord] = []
    for table in declared {
      let asked = TableRecord(
        id: known[table.name]?.id ?? TableID(nextID), name: table.name, keyFormat: table.keyFormat,
        valueFormat: table.valueFormat)
      if known[table.name] == nil {
        missing.append(asked)
        nextID += 1
      }
      records.append(asked)
    }
    var tables: [OpenTable] = []
    for (record, definition) in zip(records, declared) {
      // A missing table's family is made here and found by the applier when its definition is applied.
      tables.append(
        OpenTable(
          record: record, family: try parts.database.family(record.familyName),
          codecTypes: definition.codecTypes))
    }
    let engine = Engine(parts, tables: tables)
    try engine.define(missing)
    return engine
  }
}
