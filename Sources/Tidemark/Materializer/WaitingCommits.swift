internal import Changelog
internal import Glibc
internal import RocksDB

/// A snapshot of the database.
final class DatabaseSnapshot: Sendable {
  let handle: RocksDB.Snapshot

  fileprivate init(_ database: SharedDatabase) { handle = database.handle.makeSnapshot() }
}

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
  /// What a view reads: runs, the latest first, over a snapshot of the database.
  struct Layers {
    var runs: [Run]
    let snapshot: DatabaseSnapshot
    /// Keeps the snapshot shared.
    private let shared: SharedSnapshot

    fileprivate init(_ runs: [Run], _ shared: SharedSnapshot) {
      self.runs = runs
      self.shared = shared
      snapshot = shared.snapshot
    }
  }

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

  /// Bytes a second.
  private static let trickleRate = 2e6
  /// After how many applications that begin while RocksDB would slow writes down the time that they wait has doubled.
  private static let stalledDoubling = 4.0
  private static let greatestStall = 16.0
  private static let longestStall: Duration = .seconds(2)

  private let database: SharedDatabase
  private let budget: MemoryBudget
  /// From this many bytes on runs are to be applied.
  let limitBytes: Int
  /// The last commit.
  private(set) var state: CommittedState
  /// What the database has.
  private var appliedState: CommittedState
  private var growing: Run
  /// Sealed, the oldest first.
  private var sealed: [Run] = []
  /// How many of them are being applied.
  private var applyingCount = 0
  /// Applied, and kept to be read, the latest first.
  private var clean: [Run] = []
  private let cleanBytes: Int
  private weak var snapshot: SharedSnapshot?
  /// How many bytes of runs the database takes a second, with what applications wait for compactions.
  private var applyingRate = 50e6
  /// Since when runs should be applied.
  private var dueSince: ContinuousClock.Instant?
  /// How long the last application took.
  private var lastApplication: Duration = .zero
  /// How many applications in turn began while RocksDB would slow writes down.
  private var stalledApplications = 0.0

  init(_ database: SharedDatabase, _ options: StoreOptions, _ state: CommittedState) {
    self.database = database
    budget = options.budget
    limitBytes = min(options.waitingBytes, options.budget.bytes / 16)
    cleanBytes = options.cleanBytes
    self.state = state
    appliedState = state
    growing = Run(options.budget, number: 1)
  }

  /// Whether the database lacks something.
  var isEmpty: Bool { state == appliedState }
  /// What the runs take that the database lacks.
  var byteCount: Int { sealed.reduce(growing.byteCount) { $0 + $1.byteCount } }
  /// Whether runs should be applied.
  var isDue: Bool { !isEmpty && (byteCount >= limitBytes || budget.asksForCommit) }

  /// Whether the memory budget is short.
  var asksForSpace: Bool { budget.asksForCommit }

  // MARK: Commits

  /// Takes the changes of a commit that is logged; where it takes the batch itself, it leaves another.
  mutating func add(_ changes: inout IndexedBatch, _ state: CommittedState) {
    // A large batch isn't copied.
    if changes.byteCount >= limitBytes / 8 { seal() }
    growing.add(&changes)
    self.state = state
    if dueSince == nil, isDue { dueSince = .now }
    if !clean.isEmpty, budget.asksForCommit { clean.removeAll() }
  }

  /// Takes the records of commits that are in the changelog.
  mutating func add(_ records: RecordSorter, _ state: CommittedState) throws(StoreError) {
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
  }

  // MARK: Readers

  /// What a transaction reads below its own changes: right until its next commit, also if the database has some of it
  /// meanwhile.
  var runs: CommittedRuns {
    CommittedRuns(waiting: (growing.isEmpty ? [] : [growing]) + sealed.reversed(), clean: clean)
  }

  /// What is committed of a key and may not be in the database yet; `nil` if that doesn't change it.
  func find(_ key: RawSpan, in table: TableID) -> FoundValue? {
    if let entry = growing.changes.find(key, in: table) { return FoundValue(copying: entry) }
    return sealed.reversed().find(key, in: table)
  }

  /// What a view of the last commit reads.
  mutating func layers() -> Layers {
    seal()
    mergeSmallRuns()
    return Layers(sealed.reversed(), takeSnapshot())
  }

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
    }
  }

  // MARK: Applying

  /// How long the next application should wait for compactions at most.
  ///
  /// Each makes a file more in level 0, and at some number of them none may begin before compactions end, which takes long
  /// in a large database. So each waits longer than the one before: up to 16 times the time that one takes and two
  /// seconds, rather than a long time at once.
  mutating func patience(isStalled: Bool) -> Duration {
    stalledApplications = isStalled ? stalledApplications + 1 : 0
    let factor = min(exp2(stalledApplications / Self.stalledDoubling), Self.greatestStall)
    return isStalled ? min(lastApplication * factor, Self.longestStall) : .zero
  }

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
    lastApplication = application.begin.duration(to: .now)
    // A small one tells of its fixed costs, not of how fast bytes are taken.
    if application.byteCount >= limitBytes / 2 {
      let seconds = min(dueSince ?? application.begin, application.begin).duration(to: .now) / .seconds(1)
      applyingRate = (applyingRate + Double(application.byteCount) / max(seconds, 1e-6)) / 2
    }
    clean.insert(contentsOf: sealed.prefix(applyingCount).reversed(), at: 0)
    dropCleanRuns()
    sealed.removeFirst(applyingCount)
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

  /// How long a commit of so many bytes should wait, because runs come faster than the database takes them; `nil`: until
  /// there are fewer.
  ///
  /// From twice the limit on commits slow down to what the database takes, and from three times on to a trickle, so that a
  /// small one doesn't wait for all that is being applied. None goes on beyond four times.
  func delay(_ count: Int) -> Duration? {
    let excess = Double(byteCount - 2 * limitBytes) / Double(max(limitBytes, 1))
    if excess <= 0 { return .zero }
    if excess > 2 { return nil }
    let rate = excess > 1 ? 0 : applyingRate / (2 * excess)
    return .seconds(Double(count) / max(rate, Self.trickleRate))
  }
}
