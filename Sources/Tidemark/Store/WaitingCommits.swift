internal import Changelog

/// Commits that a database refused: what they changed, and the state of the last one.
struct UnappliedCommits {
  let changes: IndexedBatch
  let state: CommittedState
}

/// Commits on their way from the changelog to the database.
///
/// They are gathered and brought there together, with the state of the last one: so a key that changes often is written
/// once, and small commits cost what large ones cost. Until then only the transaction sees them beside the database;
/// whoever takes a view has them applied first.
struct WaitingCommits: ~Copyable {
  private let applier: Applier
  private let budget: MemoryBudget
  /// From this many bytes on they don't wait any longer.
  private let limitBytes: Int
  /// What the commits changed.
  ///
  /// It grows only in ``add(_:_:)``. Once applied, it is replaced and not emptied: a transaction may still read it.
  private(set) var batch = IndexedBatch()
  /// The state of the last commit that waits.
  private var state: CommittedState?
  private var heldBytes = 0
  /// Whether views read the batch, which then must not change.
  private var isShared = false

  init(_ applier: Applier, _ options: StoreOptions, hasChangelog: Bool) {
    self.applier = applier
    budget = options.budget
    // Without a changelog nothing but the database keeps a commit.
    limitBytes = hasChangelog ? options.waitingBytes : 0
  }

  deinit { budget.release(heldBytes) }

  var isEmpty: Bool { state == nil }

  /// Takes the changes of a transaction that are logged; where it takes the batch itself, it leaves another.
  ///
  /// After a throw the transaction has its changes still, and the commit is in the changelog.
  mutating func add(_ changes: inout IndexedBatch, _ state: CommittedState) throws(StoreError) {
    if changes.byteCount >= limitBytes {
      try apply()
      try install(changes, state)
      return
    }
    if isShared { takeCopy() }
    self.state = state
    if batch.count == 0 { swap(&batch, &changes) } else { batch.merge(changes) }
    hold(batch.byteCount)
    if batch.byteCount >= limitBytes || budget.asksForCommit { try apply() }
  }

  /// Brings records of the changelog into the database, behind those that wait.
  mutating func add(_ records: RecordSpan, _ state: CommittedState) throws(StoreError) {
    try apply()
    try applier.stage(records)
    try applier.install(state)
  }

  /// Brings all that wait into the database, atomically.
  mutating func apply() throws(StoreError) {
    guard let state else { return }
    try install(batch, state)
    batch = IndexedBatch()
    isShared = false
    hold(0)
  }

  /// Lets views read what waits; `nil` if nothing does.
  mutating func share() -> UnappliedCommits? {
    guard let state else { return nil }
    isShared = true
    return UnappliedCommits(changes: batch, state: state)
  }

  private mutating func takeCopy() {
    let copy = IndexedBatch()
    copy.merge(batch)
    batch = copy
    isShared = false
  }

  private mutating func install(_ changes: IndexedBatch, _ state: CommittedState) throws(StoreError) {
    applier.stage(changes)
    try applier.install(state)
    self.state = nil
  }

  private mutating func hold(_ bytes: Int) {
    budget.hold(bytes - heldBytes)
    heldBytes = bytes
  }
}
