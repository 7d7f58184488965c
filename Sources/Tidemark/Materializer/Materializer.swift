internal import Changelog
internal import RocksDB
internal import struct Synchronization.Atomic

/// Is told when the database has runs, so that it releases the runs.
protocol RunHolder: AnyObject, Sendable {
  /// Releases the runs up to a number, and reads the clean runs instead.
  ///
  /// The caller holds `committed`. Returns the previous runs, to be freed after that lock is released.
  func forget(upTo number: Int, keeping clean: [Run]) -> RunList
}

/// A database, the runs over it, and the state at their end (offset, receipt, position, stream time).
///
/// It takes commits, applies them to the database (``apply()``), and hands out views. Before it applies changes below
/// an offset, it makes the changelog durable up to that offset (``LogBarrier``). Restore is its bulk mode
/// (``Restore``).
///
/// Locks, in this order if taken together: `applier`, `head`, `committed`, `views`.
final class Materializer: Sendable {
  let directory: StoreDirectory
  let options: StoreOptions
  let database: SharedDatabase
  let observer: StoreObserver
  let health: Health
  let usage = StoreUsage()
  /// Is told of each commit once readers can see it.
  let waiters = CommitWaiters()
  private let barrier: LogBarrier
  /// Applies runs and writes `HEAD`, on threads that all stores share.
  private let work = Scheduler.Job(on: .work)
  /// All changes of the database go through it.
  private let applier: Mutex<Applier>
  private let committed: Mutex<Committed>
  private let head = Mutex<Head?>(nil)
  /// Whether the last application failed; commits read it without the lock.
  private let lastApplicationFailed = Atomic<Bool>(false)
  private let views: ViewRegistry
  /// Called with each offset that the database has durably.
  private let stored: (@Sendable (Offset) -> Void)?

  private struct Committed: ~Copyable {
    var waiting: WaitingCommits
    var schedule: ApplySchedule
    /// The holder of runs other than views: the transaction.
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
  /// The offset that the database has durably: after a crash right now, replay begins here.
  var storedOffset: Offset { committed.withLock { $0.waiting.appliedState.offset } }

  /// Makes a logged commit visible to readers, and counts its `byteCount` bytes of the changelog.
  ///
  /// On return `changes` is a fresh batch (the run kept the original), or the same one. `body` runs at the moment of
  /// the commit: before it no reader sees the commit, after it all do. Returns the result of `body`, and whether the
  /// caller should call ``keepPace(_:)``.
  func publish<R>(
    _ changes: inout IndexedBatch, _ state: CommittedState, byteCount: Int, inRunOfItsOwn isAlone: Bool = false,
    _ body: (IndexedBatch, inout WaitingCommits) -> R
  ) -> (R, isTooFast: Bool) {
    let (wakes, isTooFast, result) = committed.withLock { committed in
      committed.waiting.add(&changes, state, inRunOfItsOwn: isAlone)
      let waitingBytes = committed.waiting.byteCount
      usage.setWaiting(bytes: waitingBytes)
      // Under this lock, so that an application knows which commits it has.
      var wakes = committed.schedule.committed(bytes: byteCount, at: .now)
      if committed.waiting.isDue, committed.schedule.request() { wakes = true }
      return (wakes, committed.waiting.delay(byteCount) != .zero, body(changes, &committed.waiting))
    }
    if wakes { work.wake() }
    waiters.published(state.position)
    return (result, isTooFast)
  }

  /// Counts `byteCount` changelog bytes of commits that were restored and wait.
  func restored(byteCount: Int) { _ = committed.withLock { $0.schedule.committed(bytes: byteCount, at: .now) } }

  /// Makes a published commit of `byteCount` bytes wait if commits come faster than they are applied: briefly at first,
  /// so that commits don't suddenly stop, and at most ``StoreOptions/commitPatience``.
  func keepPace(_ byteCount: Int) {
    let delay = committed.withLock { $0.waiting.delay(byteCount) }
    if delay == .zero { return }
    committed.wait(timeout: min(delay ?? options.commitPatience, options.commitPatience)) { committed in
      // Without space for table files there is nothing to wait for: the next commit throws (``checkRoom()``).
      guard health.takesWrites, committed.schedule.failureCount == 0 else { return true }
      guard let now = committed.waiting.delay(byteCount) else { return false }
      return delay.map { now < $0 } ?? true
    } _: { _ in
    }
  }

  /// Throws `outOfSpace` if runs can't be applied for lack of disk space, and memory has no room for more.
  @inline(__always)
  func checkRoom() throws(StoreError) { if lastApplicationFailed.load(ordering: .relaxed) { try throwIfFull() } }

  @inline(never)
  private func throwIfFull() throws(StoreError) {
    let failures = committed.withLock { committed in
      committed.waiting.delay(1) == nil ? committed.schedule.failureCount : 0
    }
    guard failures > 0 else { return }
    throw StoreError(
      .outOfSpace,
      "not committed: earlier commits can't be written to table files for lack of space; make room, then try again",
      ["directory": directory.path, "tries": failures])
  }

  /// Runs `body` with the waiting commits, for a transaction that begins now; no run is added or removed meanwhile.
  func withWaitingCommits<R>(_ body: (inout WaitingCommits) -> R) -> R { committed.withLock { body(&$0.waiting) } }

  /// Sets the holder of runs, weakly referenced.
  func attach(_ holder: any RunHolder) { committed.withLock { $0.holder = holder } }

  // MARK: Reading

  /// A view of the last commit, over the tables given.
  func makeView(of tables: OpenTables, canExpire: Bool = true) throws(StoreError) -> View {
    try health.checkOpen()
    let (state, layers) = committed.withLock { ($0.waiting.state, $0.waiting.view()) }
    return makeView(of: tables, state, layers, canExpire: canExpire)
  }

  /// A view of a commit, with layers that may include uncommitted changes.
  func makeView(of tables: OpenTables, _ state: CommittedState, _ layers: ReadLayers, canExpire: Bool = true) -> View {
    views.makeView(of: tables, state, layers, usage, canExpire: canExpire)
  }

  /// Runs `body` with a view of the last commit; no commit is published meanwhile.
  func withViewLocked<R, E: Error>(_ body: (CommittedState, ReadLayers) throws(E) -> R) throws(E) -> R {
    try committed.withLock { (committed) throws(E) in try body(committed.waiting.state, committed.waiting.view()) }
  }

  /// The current committed value of a key.
  ///
  /// Searches runs before the database, the order in which changes move, so that no change is missed while it moves.
  func find(_ key: RawSpan, in table: OpenTable) throws(StoreError) -> FoundValue {
    try health.checkOpen()
    if let found = committed.withLock({ $0.waiting.find(key, in: table.id) }) { return found }
    return try DatabaseVersion(database: database).find(key, in: table)
  }

  // MARK: Applying

  /// Starts the background job that applies runs when they are due.
  func start() {
    work.start { [weak self] in self?.workOnce() }
    // RocksDB's threads call these: a reference to this object there could close the database on a thread of RocksDB.
    observer.onStallChanged { [work] in work.wake() }
    health.onFailure { [work] in work.wake() }
  }

  /// Stops the background job; on return only callers of ``flush()`` still apply runs.
  func stop() { work.cancel() }

  /// Does one due step, so that other stores get their turns; returns when to run again.
  private func workOnce() -> ContinuousClock.Instant? {
    if let failure = health.failure {
      // A store that takes no writes applies nothing: only the next open finds out what its files contain.
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
    case .writeHead: attempt { () throws(StoreError) in try writeHeadIfThereIsRoom() }
    }
    return now
  }

  /// Stops all writes if `body` fails: acknowledged commits are in the log.
  private func attempt(_ body: () throws(StoreError) -> Void) {
    do throws(StoreError) { try body() } catch {
      // A failure that is retried was reported already.
      if error.kind != .outOfSpace || !health.takesWrites { fail(error) }
    }
  }

  /// Applies all commits, and writes `HEAD`.
  func flush() throws(StoreError) {
    try apply()
    try writeHead()
  }

  /// Applies all commits made before, then runs `body` while no other application changes the database.
  func withAllApplied(_ body: () throws(StoreError) -> Void) throws(StoreError) {
    try applier.withLock { applier throws(StoreError) in
      try apply(applier)
      applier.compactTables()
      try body()
    }
  }

  private func apply() throws(StoreError) {
    try applier.withLock { applier throws(StoreError) in
      try apply(applier)
      applier.compactTables()
    }
  }

  /// Applies the runs to the database.
  ///
  /// An application that fails for lack of space, before the database has changed, is tried again later; readers notice
  /// nothing. Any other failure stops all writes.
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
        lastApplicationFailed.store(true, ordering: .relaxed)
      }
      committed.wake()
      // Also if this is another thread than the job's: the job must learn the time of the next try.
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
      lastApplicationFailed.store(false, ordering: .relaxed)
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
    try head.withLock { head throws(StoreError) in
      // Looked at under the lock, so that no older state is written over a later one.
      let stored = committed.withLock { $0.waiting.appliedState }
      try Head.write(stored, directory, over: &head)
    }
  }

  /// Writes `HEAD` unless there is no space for it: an older `HEAD` is correct, only less strict, and the next
  /// application writes it.
  func writeHeadIfThereIsRoom() throws(StoreError) {
    do throws(StoreError) { try writeHead() } catch {
      guard error.kind == .outOfSpace else { throw error }
      observer.skippedHead(error)
    }
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

  /// Expires the views that are too old; returns when the next one will be too old.
  func expireViews() -> ContinuousClock.Instant? {
    views.expire(at: .now) { observer.expired(snapshotAt: $0.state.offset, after: $1) }
  }

  /// Sets a closure that is called when the first view is made that may expire.
  func onFirstView(_ body: @escaping @Sendable () -> Void) { views.onFirst(body) }
}

extension Materializer: BudgetedStore {
  var waitingBytes: Int { usage.waitingBytes }

  func requestFlush() {
    committed.withLock { _ = $0.schedule.request() }
    work.wake()
  }
}
