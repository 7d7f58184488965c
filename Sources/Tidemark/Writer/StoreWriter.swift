internal import Changelog

/// The writer half of a store: the one transaction, and the steps of its commit.
///
/// A commit is *sealed* (its net changes become the records of one commit), *appended* to the changelog, and
/// *published* to the materializer, where readers find it. The steps are separate functions, so that one append may
/// carry the commits of several stores.
///
/// Locks: `pipeline` is held across the three steps, and taken before any lock of the materializer.
final class StoreWriter: Sendable {
  let materializer: Materializer
  let log: any ChangelogWriter
  let tables: OpenTables
  /// The layers that the transaction reads above the database; empty while there is no transaction.
  let layers: TransactionLayers
  private let current = Mutex(Current())
  private let pipeline: Mutex<CommitPipeline>

  /// The one transaction, if there is one.
  private struct Current {
    var isThere = false
    weak var core: TransactionCore?
  }

  init(_ materializer: Materializer, _ log: any ChangelogWriter, _ tables: OpenTables) {
    self.materializer = materializer
    self.log = log
    self.tables = tables
    layers = TransactionLayers(materializer.database)
    pipeline = Mutex(CommitPipeline(materializer.state))
    materializer.attach(layers)
  }

  // MARK: The one transaction

  /// Begins the transaction, which holds a reference to `owner`; throws `locked` while there is a transaction.
  func beginTransaction(owner: any AnyObject & Sendable) throws(StoreError) -> TransactionCore {
    try materializer.health.check()
    try current.withLock { current throws(StoreError) in
      guard !current.isThere else {
        throw StoreError(.locked, "a transaction of this store is open; a store has one writer")
      }
      current.isThere = true
    }
    let core = TransactionCore(self, owner: owner)
    current.withLock { $0.core = core }
    return core
  }

  func transactionEnded() { current.withLock { $0 = Current() } }

  /// Closes the changelog's writer, and ends scans of the transaction.
  func close() throws(StoreError) {
    current.withLock { $0.core }?.changed()
    try log.close()
  }

  /// Resets the transaction to an empty one over all commits; returns the stream time of the last commit.
  func resetTransaction() -> Timestamp? {
    // The previous layers are freed after the lock is released: deallocation can be slow.
    let (_, streamTime) = materializer.withWaitingCommits { waiting in
      (layers.reset(to: layers.changes, over: &waiting), waiting.state.streamTime)
    }
    return streamTime
  }

  // MARK: Commits

  /// Commits the transaction, and measures the commit if metrics are on; returns the state after the commit.
  func commit(_ transaction: TransactionCore, _ position: Position) throws(StoreError) -> CommittedState {
    guard let metrics = materializer.observer.metrics else {
      return try performCommit(transaction, position).state
    }
    let begin = ContinuousClock.now
    do throws(StoreError) {
      let (state, size) = try performCommit(transaction, position)
      if let size { metrics.committed(size, in: begin.duration(to: .now)) }
      return state
    } catch {
      metrics.commitFailed()
      throw error
    }
  }

  /// Seals, appends and publishes; the transaction is empty afterwards.
  ///
  /// Returns no size if there was nothing to commit.
  private func performCommit(
    _ transaction: TransactionCore, _ position: Position
  ) throws(StoreError) -> (state: CommittedState, size: CommitSize?) {
    let (state, size, isTooFast) = try pipeline.withLock {
      (pipeline) throws(StoreError) -> (CommittedState, CommitSize?, isTooFast: Bool) in
      try materializer.health.check()
      try materializer.checkRoom()
      let isNews = try pipeline.seal(layers.changes, of: tables, position, streamTime: transaction.streamTime)
      guard isNews else { return (pipeline.state, nil, false) }
      defer { pipeline.reopen() }
      try append(&pipeline)
      var changes = layers.changes
      // Until this moment readers find the changes in the transaction, from here on in the runs. The transaction's
      // previous layers are freed after the lock is released: deallocation can be slow.
      let (_, isTooFast) = materializer.publish(&changes, pipeline.state, byteCount: pipeline.size.bytes) {
        layers.reset(to: $0, over: &$1)
      }
      return (pipeline.state, pipeline.size, isTooFast)
    }
    // Cleared before the commit waits, so that its changes don't count twice meanwhile.
    transaction.cleared(streamTime: state.streamTime)
    if let size, isTooFast { materializer.keepPace(size.bytes) }
    return (state, size)
  }

  /// Appends the sealed commit; after a throw of `commitUnknown`, `fenced` or `failed` the store takes no more writes.
  private func append(_ pipeline: inout CommitPipeline) throws(StoreError) {
    do throws(StoreError) { pipeline.appended(try log.append(pipeline.commit)) } catch {
      let outcome = Self.outcome(of: error)
      if [.commitUnknown, .fenced, .failed].contains(outcome.kind) { materializer.fail(outcome) }
      throw outcome
    }
  }

  /// The error of the commit whose append failed.
  ///
  /// A commit is *not committed* only after an error of a kind that a changelog may throw for a commit that it doesn't
  /// hold. Any other error may come from a step after the append, from a sync or a check of the lock.
  private static func outcome(of error: StoreError) -> StoreError {
    switch error.kind {
    case .unavailable, .outOfSpace, .tooLarge, .fenced, .commitUnknown, .failed, .unsupported: return error
    default:
      return StoreError(
        .commitUnknown, "the changelog failed in a way that doesn't tell whether it holds the commit; reopen the store",
        cause: error)
    }
  }

  /// Changes tables or formats, in a separate commit.
  func change(_ system: [SystemChange]) throws(StoreError) {
    guard !system.isEmpty else { return }
    try pipeline.withLock { pipeline throws(StoreError) in
      try materializer.health.check()
      var changes = IndexedBatch()
      var key = ByteWriter()
      var value = ByteWriter()
      for change in system {
        key.removeAll()
        value.removeAll()
        change.encode(key: &key, value: &value)
        changes.put(key.bytes, value.bytes, in: .system)
      }
      pipeline.seal(system: changes)
      defer { pipeline.reopen() }
      try append(&pipeline)
      _ = materializer.publish(
        &changes, pipeline.state, byteCount: pipeline.size.bytes,
        inRunOfItsOwn: system.contains(where: \.isBesideTransaction)
      ) { _, _ in }
    }
  }

  // MARK: Uncommitted reads

  /// The current value of a key, including the transaction's uncommitted changes.
  func findUncommitted(_ key: RawSpan, in table: OpenTable) throws(StoreError) -> FoundValue {
    try materializer.health.checkOpen()
    if let found = layers.findUncommitted(key, in: table.id) { return found }
    return try materializer.find(key, in: table)
  }

  /// How often the copy of uncommitted changes starts again because of commits, before it makes commits wait.
  private static let copyTries = 8

  /// A view of the last commit, and over it the uncommitted changes of a range of a table.
  ///
  /// Throws `overBudget` if the memory budget has no room for a copy of the changes.
  func makeView(withUncommitted range: KeyRange, of table: OpenTable) throws(StoreError) -> View {
    try materializer.health.checkOpen()
    for _ in 0..<Self.copyTries {
      let (state, below) = materializer.withViewLocked { ($0, $1) }
      let changes = Run(materializer.options.budget, number: 0)
      guard try layers.copyChanges(range, of: table.id, to: changes), materializer.state == state else { continue }
      return makeView(changes, over: below, state)
    }
    return try pipeline.withLock { _ throws(StoreError) in
      let (state, below) = materializer.withViewLocked { ($0, $1) }
      let changes = Run(materializer.options.budget, number: 0)
      // An abort may come between; a commit can't.
      while try !layers.copyChanges(range, of: table.id, to: changes) { changes.removeAll() }
      return makeView(changes, over: below, state)
    }
  }

  private func makeView(_ changes: Run, over below: ReadLayers, _ state: CommittedState) -> View {
    let layers = changes.isEmpty ? below : below.with(RunList([changes] + below.runs.latest, clean: below.runs.clean))
    return materializer.makeView(of: tables, state, layers)
  }
}

/// The state that one commit at a time uses: the records of the commit under way, and its phase.
struct CommitPipeline: ~Copyable {
  private enum Phase {
    case open
    /// The commit has its records; the transaction must not change.
    case sealed
  }

  /// The most memory that stays for the next commit; one large commit must not leave more outside of the memory budget.
  private static let keptBytes = 2 << 20

  private(set) var commit = Commit()
  /// The state after the last commit.
  private(set) var state: CommittedState
  private var phase = Phase.open

  init(_ state: CommittedState) { self.state = state }

  /// The size of the sealed commit.
  var size: CommitSize { CommitSize(records: commit.records.count, bytes: commit.records.byteCount) }

  /// Seals the net changes of a transaction, in key order, with the position and the stream time after them.
  ///
  /// Returns `false`, and seals nothing, if there is nothing to commit. Throws `invalidArgument` if a position goes
  /// back.
  mutating func seal(
    _ changes: IndexedBatch, of tables: OpenTables, _ position: Position, streamTime: Timestamp?
  ) throws(StoreError) -> Bool {
    precondition(phase == .open, "one commit at a time")
    commit.position = state.position
    if !commit.position.advance(to: position) { throw Self.goesBack(position, from: state.position) }
    commit.records.removeAll()
    for table in tables.all {
      changes.forEach(in: table.id) { key, value in commit.records.append(table.id, key: key, value: value) }
    }
    commit.streamTime = streamTime
    if commit.records.count == 0, commit.position == state.position, commit.streamTime == state.streamTime {
      return false
    }
    phase = .sealed
    return true
  }

  @inline(never)
  private static func goesBack(_ position: Position, from former: Position) -> StoreError {
    var error = StoreError(.invalidArgument, "a commit's position goes back; a record would be processed twice")
    for (partition, offset) in position.offsets.sorted(by: { $0.key < $1.key }) {
      guard let before = former[partition], offset < before else { continue }
      error.metadata.append(StoreError.Entry(name: "\(partition)", value: "\(offset) after \(before)"))
    }
    return error
  }

  /// Seals changes of tables.
  mutating func seal(system changes: IndexedBatch) {
    precondition(phase == .open, "one commit at a time")
    commit.records.removeAll()
    changes.forEach(in: .system) { key, value in commit.records.append(.system, key: key, value: value) }
    commit.position = state.position
    commit.streamTime = state.streamTime
    phase = .sealed
  }

  /// The changelog holds the sealed commit.
  mutating func appended(_ appended: AppendedCommit) {
    state = CommittedState(
      offset: appended.endOffset, receipt: appended.receipt, position: commit.position, streamTime: commit.streamTime)
  }

  /// Lets the next commit begin, also after this one failed.
  mutating func reopen() {
    phase = .open
    if commit.records.byteCount > Self.keptBytes { commit.records = RecordBuffer() }
  }
}
