internal import Changelog
internal import RocksDB

/// Told when runs have come into the database, so that whoever reads them lets go of them.
protocol RunHolder: AnyObject, Sendable {
  /// Lets go of the runs up to a number, and reads those that stay clean instead.
  ///
  /// Returns what it held, to be freed after the caller's lock is released. Called with the lock of what is committed held.
  func forget(upTo number: Int, keeping clean: [Run]) -> ReadLayers
}

/// A database, runs over it, and the state (offset, receipt, position, stream time) that they lead to.
///
/// It takes commits, brings them into the database (``apply()``), and hands out views. Of whoever feeds it it asks one
/// thing: that the changelog is durable up to an offset (``LogBarrier``) before changes below it go to the database.
/// Restore is its bulk mode (``Restore``).
///
/// Locks, in this order as far as they are taken together: `applier`, `committed`, `views`, `head`.
final class Materializer: Sendable {
  let directory: StoreDirectory
  let options: StoreOptions
  let database: SharedDatabase
  let observer: StoreObserver
  let health: Health
  let usage = StoreUsage()
  /// Told of each commit, once it can be read.
  let waiters = CommitWaiters()
  private let barrier: LogBarrier
  /// Brings runs into the database and writes `HEAD`, on threads that all stores share.
  private let work = Scheduler.Job(on: .work)
  /// All changes of the database go through it.
  private let applier: Mutex<Applier>
  private let committed: Mutex<Committed>
  private let head = Mutex<Head?>(nil)
  private let views: ViewRegistry
  /// Called with each offset that the database has for good.
  private let stored: (@Sendable (Offset) -> Void)?

  private struct Committed: ~Copyable {
    var waiting: WaitingCommits
    var schedule: ApplySchedule
    /// Who reads runs beside views.
    weak var holder: (any RunHolder)?
  }

  init(
    _ parts: OpenDatabase, _ waiting: consuming WaitingCommits, lagLimitBytes: Int,
    stored: (@Sendable (Offset) -> Void)?
  ) {
    directory = parts.directory
    options = parts.options
    database = parts.database
    observer = parts.observer
    health = parts.health
    barrier = parts.barrier
    views = parts.views
    self.stored = stored
    applier = Mutex(parts.applier)
    committed = Mutex(
      Committed(
        waiting: waiting, schedule: ApplySchedule(lagLimitBytes: lagLimitBytes, lagTime: parts.options.storedLagTime)))
  }

  // MARK: Commits

  /// The last commit.
  var state: CommittedState { committed.withLock { $0.waiting.state } }
  /// What the database has for good: a crash right now replays from here.
  var storedOffset: Offset { committed.withLock { $0.waiting.appliedState.offset } }

  /// Lets readers see a commit that is in the changelog, and takes `byteCount` of the changelog into account.
  ///
  /// On return `changes` is a fresh batch (the run kept the original), or the same one.
  func publish(
    _ changes: inout IndexedBatch, _ state: CommittedState, byteCount: Int, inRunOfItsOwn isAlone: Bool = false
  ) {
    let wakes = committed.withLock { committed in
      committed.waiting.add(&changes, state, inRunOfItsOwn: isAlone)
      usage.setWaiting(bytes: committed.waiting.byteCount)
      // Here, so that an application knows which commits it has.
      var wakes = committed.schedule.committed(bytes: byteCount, at: .now)
      if committed.waiting.isDue, committed.schedule.request() { wakes = true }
      return wakes
    }
    if wakes { work.wake() }
    waiters.published(state.position)
  }

  /// Takes into account that so many bytes of commits were restored and wait.
  func restored(byteCount: Int) { _ = committed.withLock { $0.schedule.committed(bytes: byteCount, at: .now) } }

  /// Makes a commit of `byteCount` bytes, which was published, wait if commits come faster than the database takes them:
  /// little at first, so that nobody runs into a wall, and at most ``StoreOptions/commitPatience``.
  func keepPace(_ byteCount: Int) {
    let delay = committed.withLock { $0.waiting.delay(byteCount) }
    if delay == .zero { return }
    committed.wait(timeout: min(delay ?? options.commitPatience, options.commitPatience)) { committed in
      // Without room for table files there is nothing to wait for: the next commit is told so (``stateBeforeCommit()``).
      guard health.takesWrites, committed.schedule.failureCount == 0 else { return true }
      guard let now = committed.waiting.delay(byteCount) else { return false }
      return delay.map { now < $0 } ?? true
    } _: { _ in
    }
  }

  /// The state that the next commit follows.
  ///
  /// Throws `outOfSpace` if runs can't be brought into the database for lack of space, and memory has no room for more.
  func stateBeforeCommit() throws(StoreError) -> CommittedState {
    let (state, failures) = committed.withLock { committed in
      // Most often nothing has failed, and the size of the runs doesn't matter.
      let failures = committed.schedule.failureCount
      return (committed.waiting.state, failures > 0 && committed.waiting.delay(1) == nil ? failures : 0)
    }
    guard failures > 0 else { return state }
    throw StoreError(
      .outOfSpace,
      "not committed: earlier commits can't be written to table files for lack of space; make room, then try again",
      ["directory": directory.path, "tries": failures])
  }

  /// Runs `body` with what a transaction that begins now reads; no run comes or goes meanwhile.
  func withCurrentLayers<R>(_ body: (ReadLayers) -> R) -> R { committed.withLock { body($0.waiting.current) } }

  /// Remembers, weakly, who holds runs.
  func attach(_ holder: any RunHolder) { committed.withLock { $0.holder = holder } }

  // MARK: Reading

  /// A view of the last commit, over the tables given.
  func makeView(of tables: OpenTables, canExpire: Bool = true) throws(StoreError) -> View {
    try health.checkOpen()
    let (state, layers) = committed.withLock { ($0.waiting.state, $0.waiting.view()) }
    return makeView(of: tables, state, layers, canExpire: canExpire)
  }

  /// A view of a commit, with layers that may have more over them.
  func makeView(of tables: OpenTables, _ state: CommittedState, _ layers: ReadLayers, canExpire: Bool = true) -> View {
    views.makeView(of: tables, state, layers, usage, canExpire: canExpire)
  }

  /// Runs `body` with a view of the last commit while none comes or goes.
  func withViewLocked<R, E: Error>(_ body: (CommittedState, ReadLayers) throws(E) -> R) throws(E) -> R {
    try committed.withLock { (committed) throws(E) in try body(committed.waiting.state, committed.waiting.view()) }
  }

  /// What a key has at this moment, as far as it is committed.
  ///
  /// Looked for in the order in which changes go down, so that none is missed on its way.
  func find(_ key: RawSpan, in table: OpenTable) throws(StoreError) -> FoundValue {
    try health.checkOpen()
    if let found = committed.withLock({ $0.waiting.find(key, in: table.id) }) { return found }
    return try DatabaseVersion(database: database).find(key, in: table)
  }

  // MARK: Applying

  /// Begins to apply when it is due.
  func start() {
    work.start { [weak self] in self?.workOnce() }
    // RocksDB's threads call these: a reference to this object there could close the database on its own thread.
    observer.onStallChanged { [work] in work.wake() }
    health.onFailure { [work] in work.wake() }
  }

  /// Stops applying; on return nobody does, but for callers of ``flush()``.
  func stop() { work.cancel() }

  /// Does what is due, one thing at a time, so that other stores have their turns; answers when to look again.
  private func workOnce() -> ContinuousClock.Instant? {
    if let failure = health.failure {
      // A store that takes no writes applies nothing: only reopening it tells what its files hold.
      endWaits(failure)
      return nil
    }
    let now = ContinuousClock.now
    let stall = observer.worstStall
    let action = committed.withLock { committed in
      committed.schedule.next(at: now, compactions: stall) { committed.waiting.patience(isStalled: $0) }
    }
    switch action {
    case .wait(let until): return until
    case .apply: attempt { () throws(StoreError) in try apply() }
    case .writeHead:
      attempt { () throws(StoreError) in
        // An older HEAD is right, only less telling: without space the next application writes it.
        do throws(StoreError) { try writeHead() } catch {
          guard error.kind == .outOfSpace else { throw error }
          observer.skippedHead(error)
        }
      }
    }
    return now
  }

  /// A store that can't be kept as promised takes no more writes; what it has acknowledged is in the log.
  private func attempt(_ body: () throws(StoreError) -> Void) {
    do throws(StoreError) { try body() } catch {
      // What is tried again was reported.
      if error.kind != .outOfSpace || !health.takesWrites { fail(error) }
    }
  }

  /// Brings all that is committed into the database, and writes `HEAD`.
  func flush() throws(StoreError) {
    try apply()
    try writeHead()
  }

  /// Runs `body` while the database has all that was committed before, and nothing changes it.
  func withAllApplied(_ body: () throws(StoreError) -> Void) throws(StoreError) {
    try applier.withLock { applier throws(StoreError) in
      try apply(applier)
      applier.compactWhatIsEmptied()
      try body()
    }
  }

  private func apply() throws(StoreError) {
    try applier.withLock { applier throws(StoreError) in
      try apply(applier)
      applier.compactWhatIsEmptied()
    }
  }

  /// Brings the runs into the database.
  ///
  /// What fails for lack of space before the database has changed is tried again later, and readers see what they saw. Any
  /// other failure stops all writes.
  private func apply(_ applier: Applier) throws(StoreError) {
    let application = committed.withLock { committed in
      let application = committed.waiting.beginApplication()
      if application != nil { committed.schedule.applicationBegan(upTo: committed.waiting.state.offset) }
      return application
    }
    guard let application else { return }
    usage.applicationBegan()
    defer { usage.applicationEnded() }
    var canTryAgain = false
    do throws(StoreError) {
      try barrier.raise(to: application.state.offset)
      try applier.install(application.batches, application.state, failedBefore: &canTryAgain)
    } catch {
      observer.metrics?.backgroundFailed()
      committed.withLock { committed in
        committed.waiting.cancel(application)
        committed.schedule.applicationFailed(at: .now)
      }
      committed.wake()
      // Whoever applied: the next try has a time that the job must learn.
      work.wake()
      if canTryAgain, error.kind == .outOfSpace {
        observer.postponed(error)
        throw error
      }
      fail(error)
      throw error
    }
    // Freed after the lock is released: deallocation can be slow.
    _ = committed.withLock { committed in
      let (lastNumber, clean) = committed.waiting.end(application)
      committed.schedule.applicationSucceeded()
      usage.setWaiting(bytes: committed.waiting.byteCount)
      return committed.holder?.forget(upTo: lastNumber, keeping: clean)
    }
    committed.wake()
    observer.metrics?.flushCompleted()
    stored?(application.state.offset)
    work.wake()
  }

  /// Writes `HEAD` if table files hold more than it says.
  func writeHead() throws(StoreError) {
    try head.withLock { head throws(StoreError) in try Head.write(database, directory, over: &head) }
  }

  /// At most how many changelog bytes were committed after the stored offset.
  func lagBytes(stored: Offset) -> Int { committed.withLock { $0.schedule.lagBytes(stored: stored) } }

  // MARK: Ending

  /// Stops all writes.
  func fail(_ error: StoreError) {
    health.fail(error)
    endWaits(health.failure ?? error)
  }

  /// Stops everything, for good.
  func close() {
    health.close()
    endWaits(Health.closedError())
  }

  /// Makes commits that wait for the database look at the store's health, and ends the waits for commits.
  private func endWaits(_ error: StoreError) {
    committed.withLock { _ in }
    committed.wake()
    waiters.endAll(error)
  }

  // MARK: Views

  /// Ends the views that are too old; answers when the next one will be.
  func expireViews() -> ContinuousClock.Instant? {
    views.expire(at: .now) { observer.expired(snapshotAt: $0.state.offset, after: $1) }
  }

  /// Called when the first view is there that may expire.
  func onFirstView(_ body: @escaping @Sendable () -> Void) { views.onFirst(body) }
}

extension Materializer: BudgetedStore {
  var waitingBytes: Int { usage.waitingBytes }

  func requestFlush() {
    committed.withLock { _ = $0.schedule.request() }
    work.wake()
  }
}
