internal import Changelog
internal import RocksDB

/// An open store without its threads: the database, the tables, the changelog's writer, and the path of a commit.
@usableFromInline
final class Engine: Sendable {
  let directory: StoreDirectory
  let options: StoreOptions
  let database: SharedDatabase
  let changelog: (any Changelog)?
  let writer: any ChangelogWriter
  let observer: StoreObserver
  let health: Health
  let signals: MaintenanceSignals
  private let replayRate: ReplayRate
  /// At most how many changelog bytes should lag.
  private let lagLimitBytes: Int
  private let barrier: LogBarrier
  /// What was declared at open.
  let tables: OpenTables
  let usage = StoreUsage()
  /// What the transaction reads above the database; empty while there is no transaction.
  let layers = TransactionLayers()
  // Taken in this order, as far as they are taken together.
  private let pipeline: Mutex<CommitPipeline>
  /// All changes of the database go through it.
  private let applier: Mutex<Applier>
  private let waiting: Mutex<WaitingCommits>
  private let shared: Mutex<Shared>
  private let head: Mutex<Head?>

  /// Who uses the store.
  private struct Shared {
    var hasTransaction = false
    var views: [WeakView] = []
  }

  struct WeakView {
    weak var view: View?
  }

  /// What only one commit at a time may use.
  private struct CommitPipeline: ~Copyable {
    static let keptBytes = 2 << 20

    var commit = Commit()
  }

  init(_ parts: consuming OpenedParts, tables: [OpenTable]) {
    directory = parts.directory
    options = parts.options
    database = parts.database
    changelog = parts.changelog
    writer = parts.writer
    observer = parts.observer
    health = parts.health
    signals = parts.signals
    replayRate = parts.replayRate
    lagLimitBytes = parts.options.lagLimitBytes(parts.replayRate)
    self.tables = OpenTables(tables)
    barrier = parts.barrier
    shared = Mutex(Shared())
    head = Mutex(nil)
    pipeline = Mutex(CommitPipeline())
    applier = Mutex(parts.applier)
    waiting = Mutex(parts.waiting)
  }

  /// The last commit.
  var committed: CommittedState { waiting.withLock { $0.state } }

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

  /// The commit: net changes, the log, and then the readers; the transaction is empty afterwards.
  ///
  /// Answers `nil` if there was nothing to commit.
  private func performCommit(_ transaction: TransactionCore, _ position: Position) throws(StoreError) -> CommitSize? {
    let size: CommitSize? = try pipeline.withLock { pipeline throws(StoreError) in
      try health.check()
      let former = committed
      pipeline.commit.records.removeAll()
      for table in tables.all {
        layers.changes.forEach(in: table.id) { key, value in
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
      var changes = layers.changes
      try append(pipeline.commit, &changes)
      // Readers have looked for the changes here until now, and find them among what is committed from here on.
      if changes !== layers.changes { layers.replaceChanges(with: changes) }
      let size = CommitSize(records: pipeline.commit.records.count, bytes: pipeline.commit.records.byteCount)
      // What one large commit took doesn't stay beside the memory budget.
      if pipeline.commit.records.byteCount > CommitPipeline.keptBytes { pipeline.commit.records = RecordBuffer() }
      return size
    }
    // Before the commit waits, so that its changes don't count twice meanwhile.
    transaction.clear()
    if let size { keepPace(size.bytes) }
    return size
  }

  /// Logs a commit and publishes its changes; where it takes the batch itself, it leaves another.
  private func append(_ commit: borrowing Commit, _ changes: inout IndexedBatch) throws(StoreError) {
    let appended: AppendedCommit
    do throws(StoreError) {
      appended = try writer.append(commit)
    } catch {
      let outcome = Self.outcome(of: error)
      if outcome.kind == .commitUnknown || outcome.kind == .fenced { fail(outcome) }
      throw outcome
    }
    let state = CommittedState(
      offset: appended.endOffset, receipt: appended.receipt, position: commit.position,
      streamTime: commit.streamTime)
    if changelog == nil {
      try write(changes, state)
      signals.committed(bytes: commit.records.byteCount, flushAt: lagLimitBytes)
      return
    }
    waiting.withLock { waiting in
      waiting.add(&changes, state)
      usage.setWaiting(bytes: waiting.byteCount)
      // Here, so that an application knows which commits it has.
      signals.committed(bytes: commit.records.byteCount, flushAt: lagLimitBytes)
      if waiting.isDue { signals.requestFlush() }
    }
  }

  /// Writes a commit to the database, which alone keeps it: there is no changelog.
  private func write(_ changes: IndexedBatch, _ state: CommittedState) throws(StoreError) {
    do throws(StoreError) {
      try applier.withLock { applier throws(StoreError) in
        // Nobody takes a view between the two.
        try waiting.withLock { waiting throws(StoreError) in
          try applier.install([changes], state)
          waiting.applied(state)
        }
      }
    } catch {
      let unknown = StoreError(
        .commitUnknown, "a commit could not be written; reopen the store to see whether it was", cause: error)
      fail(unknown)
      throw unknown
    }
  }

  /// Makes a commit that took so many bytes wait, if commits come faster than the database takes them: little at first,
  /// so that nobody runs into a wall.
  private func keepPace(_ count: Int) {
    let delay = waiting.withLock { $0.delay(count) }
    if delay == .zero { return }
    waiting.wait(timeout: delay) { waiting in
      guard health.takesWrites else { return true }
      guard let now = waiting.delay(count) else { return false }
      return delay.map { now < $0 } ?? true
    } _: { _ in
    }
  }

  /// Stops all writes.
  func fail(_ error: StoreError) {
    health.fail(error)
    wakeCommits()
  }

  /// Stops everything, for good.
  func close() {
    health.close()
    wakeCommits()
  }

  /// Makes commits that wait for the database look at the store's health: they did before this, or do so behind it.
  private func wakeCommits() {
    waiting.withLock { _ in }
    waiting.wake()
  }

  /// Lets the transaction begin anew, over all that is committed.
  func resetTransaction() {
    // What goes is freed behind the lock.
    _ = waiting.withLock { layers.reset(over: $0.runs) }
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
      var changes = IndexedBatch()
      var key = ByteBuffer()
      var value = ByteBuffer()
      for record in records {
        try applier.withLock { applier throws(StoreError) in try applier.define(record) }
        key.removeAll()
        value.removeAll()
        record.encodeKey(into: &key)
        record.encodeValue(into: &value)
        pipeline.commit.records.append(.system, key: key.bytes, value: value.bytes)
        changes.put(key.bytes, value.bytes, in: .system)
      }
      pipeline.commit.position = former.position
      pipeline.commit.streamTime = former.streamTime
      try append(pipeline.commit, &changes)
    }
  }

  // MARK: Views

  /// A view of the last commit, and over it of the uncommitted changes of a range of a table, if they are wanted.
  func makeView(
    withUncommitted range: KeyRange? = nil, of table: OpenTable? = nil
  ) throws(StoreError) -> View {
    try health.checkOpen()
    let (state, layers) = waiting.withLock { waiting in
      var layers = waiting.layers()
      if let range, let table {
        // Under the lock: a commit meanwhile would be older than what lies below it.
        let changes = Run(options.budget, number: 0)
        self.layers.copyChanges(range, of: table.id, to: changes)
        if !changes.isEmpty { layers.runs.insert(changes, at: 0) }
      }
      return (waiting.state, layers)
    }
    let view = View(self, state, layers)
    if options.snapshotExpiry != nil {
      shared.withLock { shared in
        shared.views.removeAll { $0.view == nil }
        shared.views.append(WeakView(view: view))
      }
      signals.wake()
    }
    return view
  }

  /// Takes care that views end that were made before the store was open.
  func adopt(_ views: [WeakView]) {
    if views.isEmpty { return }
    shared.withLock { $0.views += views }
    signals.wake()
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

  /// What a key has at this moment.
  ///
  /// Looked for in the order in which changes go down, so that none is missed on its way.
  @usableFromInline
  func find(_ key: RawSpan, in table: OpenTable, _ isolation: IsolationLevel) throws(StoreError) -> FoundValue {
    try health.checkOpen()
    if isolation == .readUncommitted, let found = layers.findUncommitted(key, in: table.id) { return found }
    if let found = waiting.withLock({ $0.find(key, in: table.id) }) { return found }
    return try database.find(key, in: table)
  }

  // MARK: What is stored

  /// Brings what is committed into table files, and `HEAD` with it; without `wait`, memtables and `HEAD` may come later.
  func flush(wait: Bool = true) throws(StoreError) {
    if !wait { letCompactionsCatchUp() }
    try withAllApplied { () throws(StoreError) in
      if changelog == nil { try flushMemtables(wait: wait) }
    }
    if wait { try writeHead() }
  }

  /// Waits where compactions are behind: table files that are taken in go past the brakes that RocksDB has for writes.
  ///
  /// As long as RocksDB would slow writes down, applications wait (``WaitingCommits/patience(isStalled:)``); while it would
  /// stop them, none begins. Commits then wait in turn (``keepPace(_:)``).
  private func letCompactionsCatchUp() {
    let patience = waiting.withLock { $0.patience(isStalled: observer.stalledFamilies > 0) }
    observer.waitWhileStalled(atMost: patience) {
      signals.isStopping || !health.takesWrites
    }
  }

  /// How long the replay after a crash would take, from the stored offset on.
  func predictedRestart(storedOffset: Offset) -> Duration {
    storedOffset < committed.offset ? replayRate.duration(of: signals.lagBytes(stored: storedOffset)) : .zero
  }

  /// Runs `body` while the database has all that was committed before, and nothing changes it.
  func withAllApplied(_ body: () throws(StoreError) -> Void) throws(StoreError) {
    if changelog == nil { return try pipeline.withLock { _ throws(StoreError) in try body() } }
    try applier.withLock { applier throws(StoreError) in
      try apply(applier)
      try body()
    }
  }

  /// Writes the memtables to table files.
  ///
  /// No commit runs meanwhile: a flush may otherwise leave out a family that receives its first write while it waits
  /// (RocksDB issue 11148, mended in 8.1).
  private func flushMemtables(wait: Bool) throws(StoreError) {
    signals.flushStarted(upTo: committed.offset)
    try mappingErrors(to: "a flush failed") { () throws(RocksDBError) in try database.handle.flush(wait: wait) }
  }

  /// Brings the runs into the database; what can't be leaves the store without writes, and readers with what they see.
  private func apply(_ applier: borrowing Applier) throws(StoreError) {
    let application = waiting.withLock { waiting in
      let application = waiting.beginApplication()
      if application != nil { signals.flushStarted(upTo: waiting.state.offset) }
      return application
    }
    guard let application else { return }
    usage.applicationBegan()
    defer { usage.applicationEnded() }
    do throws(StoreError) {
      try barrier.raise(to: application.state.offset)
      try applier.install(application.batches, application.state)
    } catch {
      observer.metrics?.backgroundFailed()
      fail(error)
      throw error
    }
    // What goes is freed behind the lock.
    _ = waiting.withLock { waiting in
      let (lastNumber, clean) = waiting.end(application)
      usage.setWaiting(bytes: waiting.byteCount)
      return layers.forget(upTo: lastNumber, keeping: clean)
    }
    waiting.wake()
    observer.metrics?.flushCompleted()
    signals.flushCompleted()
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
    tables.all.reduce(usage.waitingBytes) {
      $0 + (database.integerProperty("rocksdb.cur-size-all-mem-tables", in: $1.family))
    }
  }

  func requestFlush() { signals.requestFlush() }
}
