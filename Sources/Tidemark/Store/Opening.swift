internal import Changelog
internal import RocksDB

/// The steps of opening, in their order: the files are checked before the database is opened for writing.
///
/// ``OpeningChecks`` checks the files. Here the parts are put together, the changelog is replayed, and the declared
/// tables are defined.
struct Opening {
  let directory: StoreDirectory
  let options: StoreOptions
  private let given: (any Changelog)?
  private let lock: FileLock
  private let begin = ContinuousClock.now

  /// Takes the directory's lock; throws `locked` while another store object has it.
  init(_ directory: StoreDirectory, _ changelog: (any Changelog)?, _ options: StoreOptions) throws(StoreError) {
    let options = try options.validated()
    if !options.createIfMissing, try !directory.hasHead, try !directory.hasDatabase {
      throw StoreError(.invalidArgument, "there is no store", ["directory": directory.path])
    }
    try directory.create()
    lock = try directory.takeLock()
    // Directories that can't be removed only take space.
    try? directory.removeDeadStagings(ownsStore: true)
    self.directory = directory
    given = changelog
    self.options = options
  }

  func run(
    _ tables: [any TableDefinition], _ whileRestoring: ((Snapshot) -> Void)?,
    _ progress: (OpenProgress) throws(StoreError) -> Void
  ) throws(StoreError) -> OpenStore {
    let checks = OpeningChecks(directory: directory, options: options)
    var stored = try checks.storedState()
    if stored == nil, let given { stored = try checks.takeBase(of: given) }
    if let found = stored, found.identity.isEmpty, given == nil {
      try TailLog.adopt(directory, options)
      stored = try checks.storedState()
    }
    let tail = given == nil ? try TailLog.open(in: directory, options, stored) : nil
    // Proof of `!`: there is either `given` or `tail`.
    let changelog: any Changelog = given ?? tail!
    try checks.check(changelog, isThatOf: stored)
    let writer = try changelog.openWriter()
    // Only with the writer open: its holder owns the `store` name of the metrics.
    let observer = StoreObserver(options, directory, given?.identity)
    observer.recovered(writer.recovery)
    do throws(StoreError) {
      return try open(tables, changelog, tail, writer, observer, whileRestoring, progress)
    } catch {
      observer.metrics?.close()
      try? writer.close()
      throw error
    }
  }

  private func open(
    _ declared: [any TableDefinition], _ changelog: any Changelog, _ tail: FileLog?, _ writer: any ChangelogWriter,
    _ observer: StoreObserver, _ whileRestoring: ((Snapshot) -> Void)?,
    _ progress: (OpenProgress) throws(StoreError) -> Void
  ) throws(StoreError) -> OpenStore {
    let barrier = LogBarrier(writer)
    let identity = changelog.identity
    let parts = try OpenDatabase(
      directory, options, observer, barrier, identity.topicPartition, keeping: lock)
    let state = try parts.state(
      startingAt: CommittedState(offset: .zero, receipt: Receipt(startOf: identity)), of: identity,
      hasTailLog: tail != nil)
    var waiting = WaitingCommits(parts.database, options, state)
    // Before the changelog is replayed, and again after the replay: the changelog may define more tables.
    _ = try parts.tables(declared: declared)
    var rate = ReplayRate()
    let restoredBytes = try restore(
      parts, changelog, writer, barrier, &waiting, show(parts, declared, whileRestoring)
    ) { (step) throws(StoreError) in
      try progress(step)
      if step.phase == .ready { rate = ReplayRate(step) }
    }
    let tables = try matchTables(parts, declared)
    var trimmed: (@Sendable (Offset) -> Void)?
    // Segments that can't be deleted are deleted the next time.
    if let tail { trimmed = { _ = try? tail.deleteCommits(below: $0, keepsLastCommit: false) } }
    let materializer = Materializer(
      parts, waiting, lagLimitBytes: options.lagLimitBytes(rate), stored: trimmed)
    // Restored changes that wait count as lag, like commits.
    if restoredBytes > 0 { materializer.restored(byteCount: restoredBytes) }
    let store = OpenStore(
      materializer: materializer, writer: StoreWriter(materializer, writer, tables.open), changelog: changelog,
      hasTailLog: tail != nil, replayRate: rate)
    try store.writer.change(tables.missing.map { .define($0) })
    try materializer.writeHeadIfThereIsRoom()
    options.budget.join(materializer)
    observer.opened(
      directory, at: store.committed.offset, epoch: writer.epoch, in: begin.duration(to: .now))
    return store
  }

  /// Hands out a snapshot of the stored state, for reads while the rest is restored.
  private func show(
    _ parts: OpenDatabase, _ declared: [any TableDefinition], _ whileRestoring: ((Snapshot) -> Void)?
  ) -> () throws(StoreError) -> Void {
    let usage = StoreUsage()
    return { () throws(StoreError) in
      guard let whileRestoring, let view = try parts.storedView(declared: declared, usage) else { return }
      whileRestoring(Snapshot(view: view))
    }
  }

  /// Replays the changelog from the stored offset on; returns how many changelog bytes wait in memory afterwards.
  private func restore(
    _ parts: OpenDatabase, _ changelog: any Changelog, _ writer: any ChangelogWriter, _ barrier: LogBarrier,
    _ waiting: inout WaitingCommits, _ show: () throws(StoreError) -> Void,
    _ progress: (OpenProgress) throws(StoreError) -> Void
  ) throws(StoreError) -> Int {
    // R3 also holds for a restore: the end of the log may never have been synced.
    try writer.sync()
    try barrier.raise(to: writer.endOffset)
    if waiting.state.offset < writer.endOffset { try show() }
    return try withoutActuallyEscaping(show) { (show) throws(StoreError) in
      // After a crash during the restore, `HEAD` must name the applied state.
      var head: Head?
      let restore = Restore(
        changelog, parts.applier, directory, options.budget, lagBytes: options.storedLagBytes, since: begin,
        discarded: parts.observer.discardedRuns
      ) { () throws(StoreError) in
        try Head.write(parts.database, directory, over: &head)
        try show()
      }
      return try restore.run(&waiting, to: writer.endOffset) { (step) throws(StoreError) in
        parts.observer.restored(step)
        try progress(step)
      }
    }
  }

  /// Matches the declared tables with the store's.
  ///
  /// Tables that the store lacks get ids; the caller must define them.
  private func matchTables(
    _ parts: OpenDatabase, _ declared: [any TableDefinition]
  ) throws(StoreError) -> (open: OpenTables, missing: [TableRecord]) {
    let known = parts.applier.tables.map(\.record)
    try TableRecord.checkFormats(of: declared, known)
    var nextID = parts.applier.nextTableID
    var missing: [TableRecord] = []
    var tables: [OpenTable] = []
    for table in declared {
      var record = known.first { $0.name == table.name }
      if record == nil {
        let made = TableRecord(
          id: nextID, name: table.name, keyFormat: table.keyFormat, valueFormat: table.valueFormat)
        nextID = TableID(nextID.value + 1)
        // The column family is created here; the commit that defines the table writes its row.
        try parts.applier.prepare(.define(made))
        missing.append(made)
        record = made
      }
      // Proof of `!`: it was set above.
      let family = try parts.database.family(record!.familyName)
      tables.append(OpenTable(record: record!, family: family, codecTypes: table.codecTypes))
    }
    return (OpenTables(tables), missing)
  }
}
