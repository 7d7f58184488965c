internal import Changelog
internal import Glibc
internal import struct Synchronization.Atomic

/// The layers that the store's transaction reads above the database: its changes, and below them runs of commits.
///
/// Other threads may read the changes, and remove runs that the database has.
///
/// Proof of `@unchecked Sendable`: the one thread that uses the transaction modifies changes and runs, and reads the
/// runs, as the owner of `lock`; other threads are visitors. It reads the changes without the lock, as no other thread
/// modifies them.
final class TransactionLayers: @unchecked Sendable {
  /// A visit copies at most `visitCount` changes, and none after `visitBytes`.
  private static let visitCount = 16
  private static let visitBytes = 64 << 10

  private let lock = OwnerLock()
  // Unchecked here and below. Proof: as above, and the code that modifies one of them has no other access to it
  // meanwhile.
  @safe @exclusivity(unchecked) private(set) var changes = IndexedBatch()
  @safe @exclusivity(unchecked) private(set) var runs = RunList()
  /// The database below the runs, as it is at each moment: it stays the same, and is read without the lock.
  private let version: DatabaseVersion
  /// The turn of the waiting commits (``WaitingCommits/turn``) in which `runs` were taken.
  @safe @exclusivity(unchecked) private var waitingTurn = 0
  /// Where the transaction sees no row; its thread's alone.
  let emptied = EmptiedRanges()
  /// Whether there is such a range.
  var knowsEmptiedRanges: Bool {
    // Not counted as a reference, as each put asks: nobody replaces it.
    @inline(__always) get {
      unsafe !Unmanaged.passUnretained(emptied)._withUnsafeGuaranteedRef { $0.isEmpty }
    }
  }
  /// Whether there is a transaction.
  @safe @exclusivity(unchecked) private var isInUse = false
  /// Counts replacements of all changes at once: by a commit, an abort, a rollback.
  private let turns = Atomic<UInt64>(0)

  init(_ database: SharedDatabase) { version = DatabaseVersion(database: database) }

  // MARK: The transaction

  /// Modifies the changes.
  @inline(__always)
  func change(_ body: (IndexedBatch) -> Void) { lock.asOwner { body(changes) } }

  /// Drops the changes after the last savepoint.
  func rollBackToSavepoint() {
    emptied.removeAll()
    lock.asOwner {
      changes.rollBackToSavepoint()
      turns.add(1, ordering: .relaxed)
    }
  }

  /// Resets to an empty batch of changes over the waiting commits; the caller holds their lock.
  ///
  /// Contents of `changes` are dropped. Returns the previous runs, to be freed after the caller's lock is released.
  func reset(to changes: IndexedBatch, over waiting: inout WaitingCommits) -> RunList? {
    lock.asOwner {
      if changes !== self.changes { self.changes = changes }
      changes.removeAll()
      turns.add(1, ordering: .relaxed)
      // Usually the commit has joined a run that `runs` already have.
      if isInUse, waitingTurn == waiting.turn { return nil }
      let former = runs
      runs = waiting.current.runs
      waitingTurn = waiting.turn
      isInUse = true
      return former
    }
  }

  /// Releases all changes and runs.
  func end() {
    // Freed after the lock is released: deallocation can be slow.
    _ = lock.asOwner {
      let former = (changes, runs)
      changes = IndexedBatch()
      turns.add(1, ordering: .relaxed)
      runs = RunList()
      isInUse = false
      return former
    }
  }

  /// The uncommitted value or deletion of a key; `nil` if the changes don't have the key.
  @inline(__always)
  func findChange(_ key: RawSpan, in table: TableID) -> BatchEntry? {
    // Without retain: no other thread replaces the changes meanwhile.
    unsafe Unmanaged.passUnretained(changes)._withUnsafeGuaranteedRef { $0.find(key, in: table) }
  }

  /// The committed value of a key that the changes don't have.
  @inline(__always)
  func findCommitted(_ key: RawSpan, in table: OpenTable) throws(StoreError) -> FoundValue {
    if let found = lock.asOwner({ runs.find(key, in: table.id) }) { return found }
    return try version.find(key, in: table)
  }

  /// The uncommitted rows of a range merged with the committed ones.
  func rows(in table: OpenTable, _ range: KeyRange, _ order: ScanOrder) -> ByteCursor {
    // Taken before the iterator is made: the iterator then has at least all commits that these runs lack.
    let runs = lock.asOwner { self.runs }
    return ReadLayers(runs, over: version).rows(in: table, range, order, under: changes, emptied: emptied)
  }

  // MARK: Other threads

  /// A copy of the uncommitted value or deletion of a key; `nil` if the changes don't have the key.
  func findUncommitted(_ key: RawSpan, in table: TableID) -> FoundValue? {
    lock.asVisitor { changes.find(key, in: table).map { FoundValue(copying: $0) } }
  }

  /// Copies the changes of a range of a table, a few at a time, so that the transaction never waits for long.
  ///
  /// Ends at the key that is the last of the range when the copy begins, even if the transaction adds keys meanwhile.
  /// Returns `false` if a commit, an abort or a rollback replaced the changes meanwhile: the copy then mixes two
  /// states. Throws `overBudget` if the memory budget has no room for the copy.
  func copyChanges(_ range: KeyRange, of table: TableID, to run: Run) throws(StoreError) -> Bool {
    let begin = turns.load(ordering: .relaxed)
    guard var range = rangeWithEnd(range, of: table) else { return turns.load(ordering: .relaxed) == begin }
    var isWhole = false
    while !isWhole {
      let lastKey: [UInt8]? = lock.asVisitor(isPaced: false) {
        guard turns.load(ordering: .relaxed) == begin else { return nil }
        return copySome(range, of: table, to: run, isWhole: &isWhole)
      }
      try run.reserve()
      guard let lastKey else { return isWhole && turns.load(ordering: .relaxed) == begin }
      range.lower = lastKey + [0]
    }
    return true
  }

  /// The range up to its last changed key; `nil` if no key in it is changed.
  private func rangeWithEnd(_ range: KeyRange, of table: TableID) -> KeyRange? {
    let end: [UInt8]? = lock.asVisitor(isPaced: false) {
      let last: KeyTree.Position?
      if let upper = range.upper {
        last = changes.last(in: table, before: upper.rawSpan)
      } else {
        last = changes.last(in: table)
      }
      guard let last else { return nil }
      // Proof: the entry's memory is there until the batch changes, which it doesn't during the visit.
      return unsafe RawSpan(_unsafeBytes: last.entry.key).array
    }
    return end.map { KeyRange(lower: range.lower, upper: $0 + [0]) }
  }

  /// Copies the first changes of a range; returns the last copied key, and `nil` at the end of the range.
  private func copySome(_ range: KeyRange, of table: TableID, to run: Run, isWhole: inout Bool) -> [UInt8]? {
    var position = changes.first(in: table, from: range.lower.rawSpan)
    var bytes = 0
    for count in 1... {
      guard let current = position else { break }
      let entry = current.entry
      // Proof: the entry's memory is there until the batch changes, which it doesn't during the visit.
      let key = unsafe RawSpan(_unsafeBytes: entry.key)
      if let upper = range.upper, key.compare(upper.rawSpan) >= 0 { break }
      unsafe run.add(key, entry.state == .deleted ? nil : RawSpan(_unsafeBytes: entry.value), in: table)
      bytes += unsafe key.byteCount + (entry.state == .deleted ? 0 : entry.value.count)
      if count == Self.visitCount || bytes >= Self.visitBytes { return key.array }
      position = current.next
    }
    isWhole = true
    return nil
  }
}

extension TransactionLayers: RunHolder {
  // A transaction that isn't used for a while would keep their memory until its next commit.
  func forget(upTo number: Int, keeping clean: [Run]) -> RunList {
    lock.asVisitor(isPaced: false) {
      let former = runs
      if isInUse { runs = RunList(runs.latest.filter { $0.number > number }, clean: clean) }
      return former
    }
  }
}

/// A biased lock: cheap for one owner, which takes it often, and expensive for visitors, which take it now and then.
///
/// Under contention the owner and a visitor take turns, and visitors pause after each visit: all visitors together take
/// at most a share of the owner's time (``visitorShare``), however many they are. Passing the lock takes longer than
/// most visits: the cache lines must move to the other processor. Waiting threads spin, as most critical sections take
/// some microseconds; rollbacks may take longer, so a thread that waits longer yields its processor.
///
/// Source: G. L. Peterson, "Myths about the mutual exclusion problem" (1981). Exchanges of `turn` are totally ordered,
/// and each makes visible all stores before the previous exchange. So the later of two threads sees that the other
/// wants the lock, and waits.
final class OwnerLock: Sendable {
  private enum Side {
    static let owner = true
    static let visitor = false
  }

  /// Visitors may hold the lock for one part in `visitorShare` of the time.
  private static let visitorShare: UInt64 = 24
  /// The most that a visit counts for, in nanoseconds: a longer one was interrupted.
  private static let longestVisit: UInt64 = 10_000
  private static let spinsBeforeYield = 100

  private let ownerWantsIn = Atomic<Bool>(false)
  private let visitorWantsIn = Atomic<Bool>(false)
  /// Who goes first if both want the lock.
  private let turn = Atomic<Bool>(Side.owner)
  /// Held by the visitor; the time of the next paced visit, in nanoseconds.
  private let nextVisit = Mutex<UInt64>(0)

  /// Runs `body` exclusively; only the owner may call this, on one thread at a time.
  @inline(__always)
  func asOwner<R: ~Copyable>(_ body: () -> R) -> R {
    ownerWantsIn.store(true, ordering: .relaxed)
    _ = turn.exchange(Side.visitor, ordering: .acquiringAndReleasing)
    if visitorWantsIn.load(ordering: .acquiring) { waitForVisitor() }
    defer { ownerWantsIn.store(false, ordering: .releasing) }
    return body()
  }

  @inline(never)
  private func waitForVisitor() {
    Self.spin { visitorWantsIn.load(ordering: .acquiring) && turn.load(ordering: .acquiring) == Side.visitor }
  }

  /// Runs `body` exclusively, as a visitor.
  ///
  /// Unpaced visits skip the delay; use them while holding a lock that others wait for. A paced visit waits for its
  /// time before it takes `nextVisit`, so that it doesn't delay unpaced visits.
  func asVisitor<R: ~Copyable>(isPaced: Bool = true, _ body: () -> R) -> R {
    while true {
      let now = monotonicNanoseconds()
      // The result of a visit, or the time of the next try.
      let visit: Visit<R> = nextVisit.withLock { nextVisit in
        if isPaced, now < nextVisit { return .at(nextVisit) }
        return .made(visitNow(&nextVisit, body))
      }
      switch consume visit {
      case .made(let result): return result
      case .at(let time): Self.spin { monotonicNanoseconds() < time }
      }
    }
  }

  private enum Visit<R: ~Copyable>: ~Copyable {
    case made(R)
    case at(UInt64)
  }

  /// Runs `body` as the one visitor, and sets the time of the next visit.
  private func visitNow<R: ~Copyable>(_ nextVisit: inout UInt64, _ body: () -> R) -> R {
    let begin = monotonicNanoseconds()
    visitorWantsIn.store(true, ordering: .relaxed)
    _ = turn.exchange(Side.owner, ordering: .acquiringAndReleasing)
    Self.spin { ownerWantsIn.load(ordering: .acquiring) && turn.load(ordering: .acquiring) == Side.owner }
    let result = body()
    visitorWantsIn.store(false, ordering: .releasing)
    let end = monotonicNanoseconds()
    nextVisit = end + min(end - begin, Self.longestVisit) * (Self.visitorShare - 1)
    return result
  }

  @inline(__always)
  private static func spin(while condition: () -> Bool) {
    var spins = 0
    while condition() {
      spins += 1
      if spins > spinsBeforeYield { sched_yield() }
    }
  }
}
