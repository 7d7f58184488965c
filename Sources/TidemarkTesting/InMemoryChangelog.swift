public import Changelog
public import Foundation

/// A changelog in memory, for tests.
///
/// ``reopened()`` returns another object for the same contents. A second writer fences the first. Death of the process
/// and loss of power can be simulated.
public final class InMemoryChangelog: Changelog, Sendable {
  struct Stored: Sendable {
    var baseOffset: Offset
    var endOffset: Offset
    var epoch: Int32
    var timestamp: Timestamp
    var previousReceipt: Receipt
    var receipt: Receipt
    var position: Position
    var streamTime: Timestamp?
    var outputsDigest: UInt64?
    /// The encoded records, in batches.
    var batches: [[UInt8]]
    var recordCount: Int
    var outputs: [OutputRecord]
    var groupOffsets: [GroupOffsets]
    /// Of the metadata and the records.
    var byteCount: Int
  }

  struct State: Sendable {
    var commits: [Stored] = []
    var start = Offset.zero
    var durable = Offset.zero
    var end = Offset.zero
    /// Where the next commit starts.
    var next = Offset.zero
    var lastReceipt: Receipt
    /// The epoch of the writer that may append; -1 before the first.
    var epoch: Int32 = -1
    /// Writers up to this epoch died with their process.
    var deadEpoch: Int32 = -1
  }

  /// Which changelog this is.
  public let identity: ChangelogIdentity
  /// Whether commits are durable when `append` returns; an interval counts as `.os`.
  public let durability: Durability
  /// Its capabilities; they include outputs and offsets of consumer groups if it was made with `carriesOutputs`.
  public let capabilities: ChangelogCapabilities
  let maxCommitBytes: Int
  let offsetGap: Int64
  let batchRecords: Int
  let state: Mutex<State>

  /// Makes an empty changelog.
  ///
  /// - Parameters:
  ///   - partition: its name.
  ///   - id: its id.
  ///   - durability: when commits are durable.
  ///   - maxCommitBytes: the greatest size of a commit.
  ///   - offsetGap: how many offsets are left out after each batch, as the control records of a transaction would.
  ///   - batchRecords: the greatest number of records in a batch; a larger commit is split into several.
  ///   - carriesOutputs: whether commits may carry outputs and offsets of consumer groups, which are kept in ``outputs`` and
  ///     ``groupOffsets``.
  public init(
    _ partition: TopicPartition = TopicPartition("changelog", 0), id: UUID = UUID(), durability: Durability = .os,
    maxCommitBytes: Int = 64 << 20, offsetGap: Int64 = 0, batchRecords: Int = .max, carriesOutputs: Bool = false
  ) {
    identity = ChangelogIdentity(id: id, topicPartition: partition)
    self.durability = durability
    self.maxCommitBytes = maxCommitBytes
    self.offsetGap = offsetGap
    self.batchRecords = max(1, batchRecords)
    capabilities =
      carriesOutputs
      ? [.verifiesHistory, .keepsHistory, .carriesOutputs, .carriesGroupOffsets] : [.verifiesHistory, .keepsHistory]
    state = Mutex(State(lastReceipt: Receipt(startOf: identity)))
  }

  private init(sharing other: InMemoryChangelog) {
    identity = other.identity
    durability = other.durability
    maxCommitBytes = other.maxCommitBytes
    offsetGap = other.offsetGap
    batchRecords = other.batchRecords
    capabilities = other.capabilities
    state = other.state
  }

  /// Another object for the same contents, as if another process had opened it.
  public func reopened() -> InMemoryChangelog { InMemoryChangelog(sharing: self) }

  /// The outputs of all remaining commits, in order: what a reader of committed data sees of other topics.
  public var outputs: [OutputRecord] { state.withLock { $0.commits.flatMap(\.outputs) } }

  /// The offsets of each consumer group, as left by the last commit that carried any.
  public var groupOffsets: [String: Position] {
    state.withLock { state in
      var groups: [String: Position] = [:]
      for group in state.commits.lazy.flatMap(\.groupOffsets) {
        groups[group.groupID, default: [:]].merge(group.offsets)
      }
      return groups
    }
  }

  /// Ends the writer without closing it; every commit stays.
  public func loseProcess() { state.withLock { $0.deadEpoch = $0.epoch } }

  /// Ends the writer and drops the commits that weren't durable.
  public func losePower() {
    state.withLock { state in
      state.deadEpoch = state.epoch
      state.commits.removeAll { $0.endOffset > state.durable }
      state.end = state.durable
      state.next = state.end
      state.lastReceipt = state.commits.last?.receipt ?? Receipt(startOf: identity)
    }
    state.wake()
  }

  /// Where the changelog starts and ends.
  public func offsets() throws(StoreError) -> ChangelogOffsets {
    state.withLock { ChangelogOffsets(start: $0.start, durable: $0.durable, end: $0.end) }
  }

  /// Waits until a commit comes, becomes durable or is lost, or until `timeout` has passed.
  public func waitForChange(
    from known: ChangelogOffsets, timeout: Duration
  ) throws(StoreError) -> ChangelogOffsets {
    // Clamped to the range that the lock's deadline can represent.
    let timeout = max(.zero, min(timeout, .seconds(1 << 32)))
    return state.wait(timeout: timeout, until: { $0.end != known.end || $0.durable != known.durable }) {
      ChangelogOffsets(start: $0.start, durable: $0.durable, end: $0.end)
    }
  }

  /// Opens a writer, and fences the previous one.
  public func openWriter() throws(StoreError) -> any ChangelogWriter {
    let epoch = state.withLock { state in
      state.epoch += 1
      state.durable = state.end
      return state.epoch
    }
    state.wake()
    return InMemoryWriter(self, epoch: epoch)
  }

  /// Reads commits in order.
  @discardableResult
  public func read(
    from start: Offset, to end: Offset?, _ body: (LoggedCommit) throws(StoreError) -> ReadContinuation
  ) throws(StoreError) -> Offset {
    var (commits, reached) = try state.withLock { (state) throws(StoreError) in
      guard start >= state.start else {
        throw StoreError(
          .invalidArgument, "the commits at the offset were deleted", ["offset": start, "start": state.start])
      }
      let isPlace = state.commits.contains { $0.baseOffset == start || $0.endOffset == start }
      guard isPlace || start == state.start || start == state.end else {
        throw StoreError(.invalidArgument, "no commit starts at the offset", ["offset": start])
      }
      return (state.commits.filter { $0.baseOffset >= start }, start)
    }
    commits.removeAll { commit in end.map { commit.endOffset > $0 } ?? false }
    for commit in commits {
      let joined = commit.batches.count == 1 ? commit.batches[0] : Array(commit.batches.joined())
      let continuation = try body(
        LoggedCommit(
          baseOffset: commit.baseOffset, endOffset: commit.endOffset, epoch: commit.epoch, timestamp: commit.timestamp,
          previousReceipt: commit.previousReceipt, receipt: commit.receipt, position: commit.position,
          streamTime: commit.streamTime, outputsDigest: commit.outputsDigest, byteCount: commit.byteCount,
          records: RecordSpan(bytes: joined.rawSpan, count: commit.recordCount)))
      reached = commit.endOffset
      if continuation == .stop { break }
    }
    return reached
  }

  /// The receipt of the commit that ends at `offset`.
  public func receipt(endingAt offset: Offset) throws(StoreError) -> Receipt? {
    state.withLock { state in
      if offset == .zero, state.start == .zero { return Receipt(startOf: identity) }
      return state.commits.last { $0.endOffset == offset }?.receipt
    }
  }

  /// The bytes of metadata and records of the commits between two offsets.
  public func byteCount(from start: Offset, to end: Offset) throws(StoreError) -> Int? {
    state.withLock { state in
      state.commits.reduce(0) { $1.baseOffset >= start && $1.endOffset <= end ? $0 + $1.byteCount : $0 }
    }
  }

  /// Deletes the commits that end below `offset`.
  @discardableResult
  public func deleteCommits(below offset: Offset) throws(StoreError) -> Offset {
    try state.withLock { (state) throws(StoreError) in
      guard offset <= state.end else {
        throw StoreError(.invalidArgument, "commits can't be deleted beyond the end of the log", ["offset": offset])
      }
      state.commits.removeAll { $0.endOffset < offset }
      state.start = state.commits.first?.baseOffset ?? state.end
      return state.start
    }
  }
}

/// The writer of a changelog in memory.
final class InMemoryWriter: ChangelogWriter {
  let epoch: Int32
  private let changelog: InMemoryChangelog
  private let closed = Mutex(false)

  init(_ changelog: InMemoryChangelog, epoch: Int32) {
    self.changelog = changelog
    self.epoch = epoch
  }

  var endOffset: Offset { changelog.state.withLock { $0.end } }
  var durableOffset: Offset { changelog.state.withLock { $0.durable } }
  var lastReceipt: Receipt { changelog.state.withLock { $0.lastReceipt } }

  private func check(_ state: InMemoryChangelog.State) throws(StoreError) {
    guard state.epoch == epoch else {
      throw StoreError(.fenced, "another writer took the changelog over", ["epoch": state.epoch])
    }
    if epoch <= state.deadEpoch || closed.withLock({ $0 }) {
      throw StoreError(.closed, "the changelog's writer is closed")
    }
  }

  func append(_ commit: borrowing Commit) throws(StoreError) -> AppendedCommit {
    try commit.checkCarried(by: changelog.capabilities)
    let metadata = CommitMetadata(of: commit)
    var encoded = ByteWriter()
    metadata.encode(into: &encoded)
    let byteCount = encoded.count + commit.records.byteCount
    guard byteCount <= changelog.maxCommitBytes else {
      throw StoreError(
        .tooLarge, "a commit is larger than a batch may be; commit more often",
        ["bytes": byteCount, "greatest": changelog.maxCommitBytes])
    }
    let batches = commit.records.records.split(into: changelog.batchRecords)
    let (outputs, groupOffsets, recordCount) = (commit.outputs, commit.groupOffsets, commit.records.count)
    // Before the lock is taken: a noncopyable parameter can't be captured.
    let records = commit.records.bytes.array
    let metadataBytes = encoded.bytes.array
    defer { changelog.state.wake() }
    return try changelog.state.withLock { (state) throws(StoreError) in
      try check(state)
      let receipt = state.lastReceipt.followed(byMetadata: metadataBytes.rawSpan, records: records.rawSpan)
      let base = state.next
      let end = base.advanced(by: Int64(recordCount) + 1 + changelog.offsetGap * Int64(batches.count - 1))
      let appended = AppendedCommit(baseOffset: base, endOffset: end, receipt: receipt)
      state.commits.append(
        InMemoryChangelog.Stored(
          baseOffset: base, endOffset: end, epoch: epoch,
          timestamp: Timestamp(Date().timeIntervalSince1970 * 1000), previousReceipt: state.lastReceipt,
          receipt: receipt, position: metadata.position, streamTime: metadata.streamTime,
          outputsDigest: metadata.outputsDigest, batches: batches, recordCount: recordCount, outputs: outputs,
          groupOffsets: groupOffsets, byteCount: byteCount))
      state.end = end
      state.next = end.advanced(by: changelog.offsetGap)
      state.lastReceipt = receipt
      if changelog.durability == .sync { state.durable = end }
      return appended
    }
  }

  func sync() throws(StoreError) -> Offset {
    defer { changelog.state.wake() }
    return try changelog.state.withLock { (state) throws(StoreError) in
      try check(state)
      state.durable = state.end
      return state.durable
    }
  }

  func close() throws(StoreError) {
    _ = try sync()
    closed.withLock { $0 = true }
  }
}

extension RecordSpan {
  /// The encoded records as batches of at most `batchRecords` each; one empty batch if there are no records.
  fileprivate func split(into batchRecords: Int) -> [[UInt8]] {
    guard count > batchRecords else { return [bytes.array] }
    var batches: [[UInt8]] = []
    var reader = ByteReader(bytes)
    var start = 0
    for index in 1...count {
      // A record starts with its length; the bytes were encoded by a `RecordBuffer`.
      guard let length = reader.zigzag(), reader.take(Int(length)) != nil else { break }
      guard index % batchRecords == 0 || index == count else { continue }
      batches.append(bytes.extracting(start..<reader.position).array)
      start = reader.position
    }
    return batches
  }
}
