internal import Changelog

/// A snapshot of the database that views share while there are any: the store references it weakly.
///
/// A separate object, since retaining an object with weak references takes longer, at each read.
private final class SharedSnapshot: Sendable {
  let snapshot: DatabaseSnapshot

  init(_ database: SharedDatabase) { snapshot = DatabaseSnapshot(database) }
}

/// The committed changes: runs in memory, and the database below them.
///
/// A commit joins the growing run. Runs are applied to the database together, with the state of the last commit. So a
/// key that changes often is written once, and a change costs the same in small and in large commits. Readers see the
/// same rows before, during and after an application.
struct WaitingCommits: ~Copyable {
  /// Runs on their way into the database.
  struct Application {
    /// The latest first.
    let batches: [IndexedBatch]
    /// The state after the last of their commits.
    let state: CommittedState
    fileprivate let byteCount: Int
    /// The number of its last run.
    fileprivate let lastNumber: Int
    // Taken before the database changes: views that are made during the application read at this snapshot.
    fileprivate let snapshot: SharedSnapshot
    fileprivate let begin = ContinuousClock.now
  }

  /// The most applied runs that stay in memory for reads: each makes a read that goes to the database a little slower.
  private static let cleanCount = 4
  /// Sealed runs below this size are merged, so that views have few.
  private static let smallRunBytes = 1 << 20

  private let database: SharedDatabase
  private let budget: MemoryBudget
  private(set) var pace: ApplyPace
  /// The last commit.
  private(set) var state: CommittedState
  /// The state that the database has.
  private(set) var appliedState: CommittedState
  private var growing: Run
  /// Sealed runs, the oldest first.
  private var sealed: [Run] = []
  /// How many of the sealed runs are being applied.
  private var applyingCount = 0
  /// Applied runs that stay in memory for reads, the latest first.
  private var clean: [Run] = []
  private let cleanBytes: Int
  /// Counts the changes of ``current``.
  private(set) var turn = 0
  /// ``current``, once it was asked for in this turn.
  private var madeCurrent: ReadLayers?
  private weak var snapshot: SharedSnapshot?
  /// Since when runs should be applied.
  private var dueSince: ContinuousClock.Instant?

  init(_ database: SharedDatabase, _ options: StoreOptions, _ state: CommittedState) {
    self.database = database
    budget = options.budget
    pace = ApplyPace(limitBytes: min(options.waitingBytes, options.budget.bytes / 16))
    cleanBytes = options.cleanBytes
    self.state = state
    appliedState = state
    growing = Run(options.budget, number: 1)
  }

  /// Runs are due for application from this many bytes on.
  var limitBytes: Int { pace.limitBytes }
  /// Whether the database has all commits.
  var isEmpty: Bool { state == appliedState }
  /// Memory of the runs that the database lacks, in bytes.
  var byteCount: Int { sealed.reduce(growing.byteCount) { $0 + $1.byteCount } }
  /// Whether runs should be applied.
  var isDue: Bool { !isEmpty && (byteCount >= limitBytes || budget.asksForCommit) }

  /// Whether the memory budget is short.
  var asksForSpace: Bool { budget.asksForCommit }

  // MARK: Commits

  /// Takes the changes of a logged commit; on return `changes` is either the same batch, emptied, or a fresh one.
  ///
  /// Pass `inRunOfItsOwn` if another thread than the transaction's commits: the transaction reads the growing run
  /// without the lock, so the changes must not join it.
  mutating func add(_ changes: inout IndexedBatch, _ state: CommittedState, inRunOfItsOwn isAlone: Bool = false) {
    // A large batch gets its own run, so it isn't copied.
    if isAlone || changes.byteCount >= limitBytes / 8 { seal() }
    if growing.isEmpty { currentChanged() }
    growing.add(&changes)
    if isAlone { seal() }
    self.state = state
    if isDue, dueSince == nil { dueSince = .now }
    if !clean.isEmpty, budget.asksForCommit {
      clean.removeAll()
      currentChanged()
    }
  }

  /// Takes the records of commits that are in the changelog.
  mutating func add(_ records: RecordSorter, _ state: CommittedState) throws(StoreError) {
    if growing.isEmpty { currentChanged() }
    try records.forEach { (table, entry) throws(StoreError) in
      // Proof: the sorter keeps the entry's memory during the call.
      unsafe growing.add(
        RawSpan(_unsafeBytes: entry.key), entry.state == .deleted ? nil : RawSpan(_unsafeBytes: entry.value), in: table)
    }
    growing.count()
    self.state = state
  }

  /// Notes that the database has commits that were applied without waiting in a run.
  mutating func applied(_ state: CommittedState) {
    self.state = state
    appliedState = state
    snapshot = nil
  }

  private mutating func seal() {
    if growing.isEmpty { return }
    sealed.append(growing)
    growing = Run(budget, number: growing.number + 1)
    currentChanged()
  }

  // MARK: Readers

  /// The layers that a transaction reads below its own changes, over the current database: valid until the next commit,
  /// even if runs are applied meanwhile.
  var current: ReadLayers {
    mutating get {
      if let madeCurrent { return madeCurrent }
      let made = ReadLayers(
        RunList((growing.isEmpty ? [] : [growing]) + sealed.reversed(), clean: clean),
        over: DatabaseVersion(database: database))
      madeCurrent = made
      return made
    }
  }

  private mutating func currentChanged() {
    turn += 1
    madeCurrent = nil
  }

  /// The value or deletion of a key in the runs; `nil` if no run has the key.
  func find(_ key: RawSpan, in table: TableID) -> FoundValue? {
    if let entry = growing.changes.find(key, in: table) { return FoundValue(copying: entry) }
    for run in sealed.reversed() {
      if let entry = run.changes.find(key, in: table) { return FoundValue(entry, in: run) }
    }
    return nil
  }

  /// The layers of a view of the last commit.
  mutating func view() -> ReadLayers {
    seal()
    mergeSmallRuns()
    let shared = takeSnapshot()
    return ReadLayers(
      RunList(sealed.reversed()), over: DatabaseVersion(database: database, snapshot: shared.snapshot), keeping: shared)
  }

  /// Ends a failed application: its runs are applied with later ones.
  mutating func cancel(_ application: borrowing Application) { applyingCount = 0 }

  private mutating func takeSnapshot() -> SharedSnapshot {
    if let snapshot { return snapshot }
    let taken = SharedSnapshot(database)
    snapshot = taken
    return taken
  }

  /// Merges the last runs while they have similar sizes, so that there are few runs after many views.
  private mutating func mergeSmallRuns() {
    while sealed.count >= applyingCount + 2 {
      let (older, later) = (sealed[sealed.count - 2], sealed[sealed.count - 1])
      guard older.byteCount <= 2 * later.byteCount, older.byteCount + later.byteCount <= Self.smallRunBytes else {
        return
      }
      let merged = Run(budget, number: later.number)
      merged.add(older)
      merged.add(later)
      sealed.removeLast(2)
      sealed.append(merged)
      currentChanged()
    }
  }

  // MARK: Applying

  /// The longest time that the next application should wait for compactions (``ApplyPace/patience(isStalled:)``).
  mutating func patience(isStalled: Bool) -> Duration { pace.patience(isStalled: isStalled) }

  /// Begins an application of all runs; `nil` if the database has all commits.
  ///
  /// Call ``end(_:)`` once the database has the runs, or ``cancel(_:)`` after a failure: the runs stay then, and
  /// readers still find them.
  mutating func beginApplication() -> Application? {
    if isEmpty { return nil }
    seal()
    applyingCount = sealed.count
    return Application(
      batches: sealed.reversed().map { $0.changes }, state: state, byteCount: byteCount,
      lastNumber: growing.number - 1, snapshot: takeSnapshot())
  }

  /// Ends an application that the database has; returns the number of its last run, and the clean runs.
  @discardableResult
  mutating func end(_ application: Application) -> (lastNumber: Int, clean: [Run]) {
    let now = ContinuousClock.now
    pace.applied(
      application.byteCount, in: application.begin.duration(to: now),
      sinceDue: min(dueSince ?? application.begin, application.begin).duration(to: now))
    clean.insert(contentsOf: sealed.prefix(applyingCount).reversed(), at: 0)
    dropCleanRuns()
    sealed.removeFirst(applyingCount)
    currentChanged()
    applyingCount = 0
    appliedState = application.state
    dueSince = isDue ? .now : nil
    snapshot = nil
    return (application.lastNumber, clean)
  }

  /// Drops clean runs beyond the limits, the oldest first.
  private mutating func dropCleanRuns() {
    if budget.asksForCommit { clean.removeAll() }
    var room = min(cleanBytes, budget.spareBytesOfAStore)
    clean = clean.prefix(Self.cleanCount).prefix { run in
      room -= run.byteCount
      return room >= 0
    }
  }

  /// How long a commit of `count` bytes should wait (``ApplyPace/delay(_:waitingBytes:)``).
  func delay(_ count: Int) -> Duration? { pace.delay(count, waitingBytes: byteCount) }
}
