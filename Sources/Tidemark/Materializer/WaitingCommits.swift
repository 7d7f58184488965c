internal import Changelog

/// A snapshot of the database that views share, for as long as there are any: the store remembers it weakly.
///
/// An object of its own, as keeping one that somebody refers to weakly takes longer, at each read.
private final class SharedSnapshot: Sendable {
  let snapshot: DatabaseSnapshot

  init(_ database: SharedDatabase) { snapshot = DatabaseSnapshot(database) }
}

/// What is committed: runs in memory, and the database below them.
///
/// A commit joins the run that grows. Runs are applied to the database together, with the state of the last commit: so a key
/// that changes often is written once, and small commits cost what large ones cost. What readers see is the same before,
/// while and after runs are applied.
struct WaitingCommits: ~Copyable {
  /// Runs on their way into the database.
  struct Application {
    /// The latest first.
    let batches: [IndexedBatch]
    /// The state that they lead to.
    let state: CommittedState
    fileprivate let byteCount: Int
    /// That of its last run.
    fileprivate let lastNumber: Int
    // Taken before the database changes: views that are made meanwhile read at it.
    fileprivate let snapshot: SharedSnapshot
    fileprivate let begin = ContinuousClock.now
  }

  /// How many applied runs may stay to be read: each makes a read that goes to the database a little slower.
  private static let cleanCount = 4
  /// Sealed runs below this size are merged, so that views have few.
  private static let smallRunBytes = 1 << 20

  private let database: SharedDatabase
  private let budget: MemoryBudget
  private(set) var pace: ApplyPace
  /// The last commit.
  private(set) var state: CommittedState
  /// What the database has.
  private(set) var appliedState: CommittedState
  private var growing: Run
  /// Sealed, the oldest first.
  private var sealed: [Run] = []
  /// How many of them are being applied.
  private var applyingCount = 0
  /// Applied, and kept to be read, the latest first.
  private var clean: [Run] = []
  private let cleanBytes: Int
  /// Counts how often ``current`` became something else.
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

  /// From this many bytes on runs are to be applied.
  var limitBytes: Int { pace.limitBytes }
  /// Whether the database lacks something.
  var isEmpty: Bool { state == appliedState }
  /// What the runs take that the database lacks.
  var byteCount: Int { sealed.reduce(growing.byteCount) { $0 + $1.byteCount } }
  /// Whether runs should be applied.
  var isDue: Bool { !isEmpty && (byteCount >= limitBytes || budget.asksForCommit) }

  /// Whether the memory budget is short.
  var asksForSpace: Bool { budget.asksForCommit }

  // MARK: Commits

  /// Takes the changes of a commit that is logged; on return `changes` is a fresh batch, or the same one.
  ///
  /// With `inRunOfItsOwn`, the changes come from another thread than the transaction's, which reads the run that grows without
  /// the lock.
  mutating func add(_ changes: inout IndexedBatch, _ state: CommittedState, inRunOfItsOwn isAlone: Bool = false) {
    // A large batch isn't copied.
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

  /// The database has commits that didn't wait.
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

  /// What a transaction reads below its own changes, over the database as it is at each moment: right until its next commit,
  /// also if the database has some of the runs meanwhile.
  var current: ReadLayers {
    mutating get {
      if let madeCurrent { return madeCurrent }
      let made = ReadLayers(
        runs: (growing.isEmpty ? [] : [growing]) + sealed.reversed(), clean: clean,
        version: DatabaseVersion(database: database))
      madeCurrent = made
      return made
    }
  }

  private mutating func currentChanged() {
    turn += 1
    madeCurrent = nil
  }

  /// What is committed of a key and may not be in the database yet; `nil` if that doesn't change it.
  func find(_ key: RawSpan, in table: TableID) -> FoundValue? {
    if let entry = growing.changes.find(key, in: table) { return FoundValue(copying: entry) }
    for run in sealed.reversed() {
      if let entry = run.changes.find(key, in: table) { return FoundValue(entry, in: run) }
    }
    return nil
  }

  /// What a view of the last commit reads.
  mutating func view() -> ReadLayers {
    seal()
    mergeSmallRuns()
    let shared = takeSnapshot()
    return ReadLayers(
      runs: sealed.reversed(), version: DatabaseVersion(database: database, snapshot: shared.snapshot), keeping: shared)
  }

  /// Goes on without an application that failed: its runs are applied with later ones.
  mutating func cancel(_ application: borrowing Application) { applyingCount = 0 }

  private mutating func takeSnapshot() -> SharedSnapshot {
    if let snapshot { return snapshot }
    let taken = SharedSnapshot(database)
    snapshot = taken
    return taken
  }

  /// Merges the last runs as long as they are of a size, so that there are few after many views.
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

  /// How long the next application should wait for compactions at most (``ApplyPace/patience(isStalled:)``).
  mutating func patience(isStalled: Bool) -> Duration { pace.patience(isStalled: isStalled) }

  /// Begins to bring all runs into the database; `nil` if it lacks nothing.
  ///
  /// ``end(_:)`` is due once it has them. If that fails, they stay, and with them what readers see.
  mutating func beginApplication() -> Application? {
    if isEmpty { return nil }
    seal()
    applyingCount = sealed.count
    return Application(
      batches: sealed.reversed().map { $0.changes }, state: state, byteCount: byteCount,
      lastNumber: growing.number - 1, snapshot: takeSnapshot())
  }

  /// The database has what was begun; answers the number of its last run, and what stays clean.
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

  /// Keeps the latest of what was applied, as far as it may stay.
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
