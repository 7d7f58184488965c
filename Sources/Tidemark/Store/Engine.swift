internal import Changelog
internal import RocksDB
internal import struct Synchronization.Atomic

/// An open store without its threads: the database, the tables, the changelog's writer, and the path of a commit.
final class Engine: Sendable {
  let directory: StoreDirectory
  let options: StoreOptions
  let database: SharedDatabase
  let changelog: (any Changelog)?
  let writer: any ChangelogWriter
  let observer: StoreObserver
  let health: Health
  let signals: MaintenanceSignals
  /// What was declared at open.
  let tables: [OpenTable]
  let usage = StoreUsage()
  private let pipeline: Mutex<CommitPipeline>
  /// All writes to the database go through it; taken inside of the pipeline's lock.
  private let waiting: Mutex<WaitingCommits>
  /// Whether commits wait, for readers, which need the lock only then.
  private let hasWaiting = Atomic<Bool>(false)
  private let shared: Mutex<Shared>
  private let head: Mutex<Head?>
  /// The last to go: the applier, too, holds the database, which has a lock of its own.
  private let lock: FileLock

  /// What readers and the transaction ask for beside a commit under way.
  private struct Shared {
    var committed: CommittedState
    /// What commits changed that the database may not have yet.
    var waitingChanges = IndexedBatch()
    var hasTransaction = false
    var views: [WeakView] = []
  }

  private struct WeakView {
    weak var view: View?
  }

  /// What only one commit, flush or checkpoint at a time may use.
  private struct CommitPipeline: ~Copyable {
    static let keptBytes = 1 << 20

    var commit = Commit()
  }

  init(_ parts: consuming OpenedParts, tables: [OpenTable], lock: FileLock) {
    directory = parts.directory
    options = parts.options
    database = parts.database
    changelog = parts.changelog
    writer = parts.writer
    observer = parts.observer
    health = parts.health
    signals = parts.signals
    self.tables = tables
    self.lock = lock
    shared = Mutex(Shared(committed: parts.state))
    head = Mutex(nil)
    pipeline = Mutex(CommitPipeline())
    waiting = Mutex(WaitingCommits(parts.applier, parts.options, hasChangelog: parts.changelog != nil))
  }

  /// The last commit.
  var committed: CommittedState { shared.withLock { $0.committed } }

  /// The open table of a declaration; throws `invalidArgument` if it wasn't declared at open, or with other codecs.
  func table<K, V>(_ table: Table<K, V>) throws(StoreError) -> OpenTable {
    // A store has a few tables; comparing names that short is faster than hashing one.
    for open in tables where open.name == table.name {
      // Comparing types is cheap; two types may have the same formats (JSON of two structures).
      if open.declaredType == ObjectIdentifier(Table<K, V>.self) { return open }
      if open.record.keyFormat == table.keyFormat, open.record.valueFormat == table.valueFormat { return open }
      throw StoreError(
        .invalidArgument, "the table was declared with other codecs when the store was opened",
        [
          "table": table.name, "declared": "\(open.record.keyFormat) -> \(open.record.valueFormat)",
          "used": "\(table.keyFormat) -> \(table.valueFormat)",
        ])
    }
    throw StoreError(
      .invalidArgument, "the table wasn't declared when the store was opened; pass it in `tables`",
      ["table": table.name])
  }

  // MARK: The one transaction

  func beginTransaction() throws(StoreError) {
    try health.check()
    try shared.withLock { shared throws(StoreError) in
      guard !shared.hasTransaction else {
        throw StoreError(.locked, "a transaction of this store is open; a store has one writer")
      }
      shared.hasTransaction = true
    }
  }

  func transactionEnded() { shared.withLock { $0.hasTransaction = false } }

  /// The commit, measured where somebody listens.
  func commit(_ transaction: TransactionCore, _ position: Position) throws(StoreError) {
    guard let metrics = observer.metrics else {
      _ = try performCommit(transaction, position)
      return
    }
    let begin = ContinuousClock.now
    do throws(StoreError) {
      guard let size = try performCommit(transaction, position) else { return }
      metrics.committed(size, in: begin.duration(to: .now))
    } catch {
      metrics.commitFailed()
      throw error
    }
  }

  /// The commit: net changes, the log, the database, and then the readers; `nil` if there was nothing to commit.
  private func performCommit(_ transaction: TransactionCore, _ position: Position) throws(StoreError) -> CommitSize? {
    try pipeline.withLock { pipeline throws(StoreError) in
      try health.check()
      let former = committed
      pipeline.commit.records.removeAll()
      for table in tables {
        transaction.batch.forEach(in: table.id) { key, value in
          pipeline.commit.records.append(table.id, key: key, value: value)
        }
      }
      pipeline.commit.position = former.position
      pipeline.commit.position.merge(position)
      pipeline.commit.streamTime = transaction.streamTime
      if pipeline.commit.records.count == 0, pipeline.commit.position == former.position,
        pipeline.commit.streamTime == former.streamTime
      {
        return nil
      }
      try append(pipeline.commit) { (waiting, state) throws(StoreError) in try waiting.add(&transaction.batch, state) }
      let size = CommitSize(records: pipeline.commit.records.count, bytes: pipeline.commit.records.byteCount)
      // What one large commit took doesn't stay beside the memory budget.
      if pipeline.commit.records.byteCount > CommitPipeline.keptBytes { pipeline.commit.records = RecordBuffer() }
      return size
    }
  }

  /// Logs a commit, lets `bring` take it on the way to the database, and publishes it.
  private func append(
    _ commit: borrowing Commit,
    bring: (inout WaitingCommits, CommittedState) throws(StoreError) -> Void
  ) throws(StoreError) {
    let appended: AppendedCommit
    do throws(StoreError) {
      appended = try writer.append(commit)
    } catch {
      let outcome = Self.outcome(of: error)
      if outcome.kind == .commitUnknown || outcome.kind == .fenced { health.fail(outcome) }
      throw outcome
    }
    let state = CommittedState(
      offset: appended.endOffset, receipt: appended.receipt, position: commit.position,
      streamTime: commit.streamTime)
    do throws(StoreError) {
      try waiting.withLock { waiting throws(StoreError) in
        do throws(StoreError) { try bring(&waiting, state) } catch {
          note(waiting)
          throw error
        }
        note(waiting, committed: state)
      }
    } catch {
      let unknown = StoreError(
        .commitUnknown, "a commit could not be brought into the database; reopen the store to restore what is logged",
        ["offset": appended.baseOffset], cause: error)
      health.fail(unknown)
      throw unknown
    }
    signals.committed(bytes: commit.records.byteCount, flushAt: options.storedLagBytes)
  }

  /// The changes of commits that the database may not have yet: what a transaction reads beside it.
  ///
  /// They are right until the transaction's next commit, also if the database has them meanwhile.
  var waitingChanges: IndexedBatch { shared.withLock { $0.waitingChanges } }

  /// Tells readers what waits, and of a commit: whoever sees it must not miss that it waits.
  private func note(_ waiting: borrowing WaitingCommits, committed: CommittedState? = nil) {
    let changes = waiting.batch
    usage.setWaiting(bytes: changes.byteCount)
    hasWaiting.store(!waiting.isEmpty, ordering: .releasing)
    shared.withLock { shared in
      shared.waitingChanges = changes
      if let committed { shared.committed = committed }
    }
  }

  /// Brings the commits that wait into the database, and runs `body` before another can.
  private func applyWaiting<R>(_ body: () throws(StoreError) -> R) throws(StoreError) -> R {
    try waiting.withLock { waiting throws(StoreError) in
      try apply(&waiting)
      return try body()
    }
  }

  private func apply(_ waiting: inout WaitingCommits) throws(StoreError) {
    do throws(StoreError) {
      try waiting.apply()
      note(waiting)
    } catch {
      note(waiting)
      health.fail(error)
      throw health.failure ?? error
    }
  }

  /// What a failed append means for the commit.
  ///
  /// Only what a changelog may say of a commit that it doesn't hold is *not committed*. Anything else may come from behind
  /// the append, from a sync or a check of the lock.
  private static func outcome(of error: StoreError) -> StoreError {
    switch error.kind {
    case .unavailable, .outOfSpace, .tooLarge, .fenced, .commitUnknown: return error
    default:
      return StoreError(
        .commitUnknown, "the changelog failed in a way that doesn't tell whether it holds the commit; reopen the store",
        cause: error)
    }
  }

  /// Defines tables that the store doesn't know yet, in a commit of their own.
  func define(_ records: [TableRecord]) throws(StoreError) {
    guard !records.isEmpty else { return }
    try pipeline.withLock { pipeline throws(StoreError) in
      let former = committed
      pipeline.commit.records.removeAll()
      var key = ByteBuffer()
      var value = ByteBuffer()
      for record in records {
        key.removeAll()
        value.removeAll()
        record.encodeKey(into: &key)
        record.encodeValue(into: &value)
        pipeline.commit.records.append(.system, key: key.bytes, value: value.bytes)
      }
      pipeline.commit.position = former.position
      pipeline.commit.streamTime = former.streamTime
      try append(pipeline.commit) { (waiting, state) throws(StoreError) in
        try waiting.add(pipeline.commit.records.records, state)
      }
    }
  }

  // MARK: Views

  func makeView() throws(StoreError) -> View {
    try health.checkOpen()
    let view = try View(self, over: try applyForView())
    if options.snapshotExpiry != nil {
      shared.withLock { shared in
        shared.views.removeAll { $0.view == nil }
        shared.views.append(WeakView(view: view))
      }
      signals.wake()
    }
    return view
  }

  /// Brings what waits into the database; what a database that failed refuses, a view shows over it.
  private func applyForView() throws(StoreError) -> UnappliedCommits? {
    guard hasWaiting.load(ordering: .acquiring) else { return nil }
    return try waiting.withLock { waiting throws(StoreError) in
      do throws(StoreError) {
        try apply(&waiting)
        return nil
      } catch {
        guard let unapplied = waiting.share() else { throw error }
        return unapplied
      }
    }
  }

  /// Ends the views that are too old; answers when the next one will be.
  func expireViews() -> ContinuousClock.Instant? {
    guard let expiry = options.snapshotExpiry else { return nil }
    let views = shared.withLock { $0.views.compactMap(\.view) }
    let now = ContinuousClock.now
    var next: ContinuousClock.Instant?
    for view in views {
      let end = view.takenAt.advanced(by: expiry)
      if end <= now {
        view.expire()
        observer.expired(view, after: view.takenAt.duration(to: now))
      } else {
        next = min(next ?? end, end)
      }
    }
    shared.withLock { shared in
      shared.views.removeAll { $0.view.map { $0.takenAt.advanced(by: expiry) <= now } ?? true }
    }
    return next
  }

  // MARK: What is stored

  /// Starts writing all memtables to table files, and doesn't wait.
  ///
  /// No commit runs meanwhile: a flush may otherwise leave out a family that receives its first write while it waits
  /// (RocksDB issue 11148, mended in 8.1).
  func startFlush() throws(StoreError) {
    try withoutCommits { () throws(StoreError) in
      signals.flushStarted(upTo: committed.offset)
      try database.startFlush()
    }
  }

  /// Writes all memtables to table files and `HEAD` with them.
  func flush() throws(StoreError) {
    try withoutCommits { () throws(StoreError) in
      signals.flushStarted(upTo: committed.offset)
      try mappingErrors(to: "a flush failed") { () throws(RocksDBError) in try database.handle.flush(wait: true) }
    }
    try writeHead()
  }

  /// Runs `body` while the database has all commits, and no commit, flush or checkpoint runs.
  func withoutCommits<R>(_ body: () throws(StoreError) -> R) throws(StoreError) -> R {
    try pipeline.withLock { _ throws(StoreError) in try applyWaiting(body) }
  }

  /// Writes `HEAD` if table files hold more than it says.
  func writeHead() throws(StoreError) {
    try head.withLock { head throws(StoreError) in
      try Head.write(database, directory, over: &head)
    }
  }
}

extension Engine: BudgetedStore {
  var memtableBytes: Int {
    tables.reduce(usage.waitingBytes) {
      $0 + (database.integerProperty("rocksdb.cur-size-all-mem-tables", in: $1.family))
    }
  }

  func requestFlush() { signals.requestFlush() }
}
