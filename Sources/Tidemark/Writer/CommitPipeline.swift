internal import Changelog

/// What only one commit at a time may use: the records of the commit under way, and how far it is.
struct CommitPipeline: ~Copyable {
  private enum Phase {
    case open
    /// The commit has its records; the transaction must not change.
    case sealed
  }

  /// What one large commit took doesn't stay beside the memory budget.
  private static let keptBytes = 2 << 20

  private(set) var commit = Commit()
  /// What the last commit led to.
  private(set) var state: CommittedState
  private var phase = Phase.open

  init(_ state: CommittedState) { self.state = state }

  /// What the sealed commit takes.
  var size: CommitSize { CommitSize(records: commit.records.count, bytes: commit.records.byteCount) }

  /// Seals the net changes of a transaction, in key order, with the position and the stream time that they lead to.
  ///
  /// Answers `false`, and seals nothing, if there is nothing to commit. Throws `invalidArgument` if a position goes back.
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

  /// Lets the next commit begin, whatever became of this one.
  mutating func reopen() {
    phase = .open
    if commit.records.byteCount > Self.keptBytes { commit.records = RecordBuffer() }
  }
}
