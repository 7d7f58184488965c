public import Changelog
public import Foundation

/// A changelog in memory, for tests.
///
/// ``reopened()`` gives another face of the same contents. A second writer fences the first. Death of the process and
/// loss of power can be simulated.
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
    var records: [UInt8]
    var recordCount: Int
  }

  struct State: Sendable {
    var commits: [Stored] = []
    var start = Offset.zero
    var durable = Offset.zero
    var end = Offset.zero
    var lastReceipt: Receipt
    /// The epoch of the writer that may append, once there was one.
    var epoch: Int32 = -1
    /// Writers up to this epoch died with their process.
    var deadEpoch: Int32 = -1
  }

  /// Which changelog this is.
  public let identity: ChangelogIdentity
  /// Whether commits are durable when `append` returns; an interval counts as `.os`.
  public let durability: Durability
  let maxCommitBytes: Int
  let offsetGap: Int64
  let state: Mutex<State>

  /// Makes an empty changelog.
  ///
  /// Each commit leaves out `offsetGap` offsets behind its records, as the control records of a transaction would.
  public init(
    _ partition: TopicPartition = TopicPartition("changelog", 0), id: UUID = UUID(), durability: Durability = .os,
    maxCommitBytes: Int = 64 << 20, offsetGap: Int64 = 0
  ) {
    identity = ChangelogIdentity(id: id, topicPartition: partition)
    self.durability = durability
    self.maxCommitBytes = maxCommitBytes
    self.offsetGap = offsetGap
    state = Mutex(State(lastReceipt: Receipt(startOf: identity)))
  }

  private init(sharing other: InMemoryChangelog) {
    identity = other.identity
    durability = other.durability
    maxCommitBytes = other.maxCommitBytes
    offsetGap = other.offsetGap
    state = other.state
  }

  /// Another face of the same contents, as another process would open it.
  public func reopened() -> InMemoryChangelog { InMemoryChangelog(sharing: self) }

  /// Ends the writer without closing it; every commit stays.
  public func loseProcess() { state.withLock { $0.deadEpoch = $0.epoch } }

  /// Ends the writer and drops the commits that weren't durable.
  public func losePower() {
    state.withLock { state in
      state.deadEpoch = state.epoch
      state.commits.removeAll { $0.endOffset > state.durable }
      state.end = state.durable
      state.lastReceipt = state.commits.last?.receipt ?? Receipt(startOf: identity)
    }
  }

  /// Where the changelog starts and ends.
  public func offsets() throws(StoreError) -> ChangelogOffsets {
    state.withLock { ChangelogOffsets(start: $0.start, durable: $0.durable, end: $0.end) }
  }

  /// Becomes the one writer and fences the former.
  public func openWriter() throws(StoreError) -> any ChangelogWriter {
    let epoch = state.withLock { state in
      state.epoch += 1
      state.durable = state.end
      return state.epoch
    }
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
      guard start == state.end || state.commits.contains(where: { $0.baseOffset == start }) else {
        throw StoreError(.invalidArgument, "no commit starts at the offset", ["offset": start])
      }
      return (state.commits.filter { $0.baseOffset >= start }, start)
    }
    commits.removeAll { commit in end.map { commit.endOffset > $0 } ?? false }
    for commit in commits {
      let bytes = unsafe commit.records.span.bytes
      let continuation = try body(
        LoggedCommit(
          baseOffset: commit.baseOffset, endOffset: commit.endOffset, epoch: commit.epoch, timestamp: commit.timestamp,
          previousReceipt: commit.previousReceipt, receipt: commit.receipt, position: commit.position,
          streamTime: commit.streamTime, byteCount: commit.records.count,
          records: RecordSpan(bytes: bytes, count: commit.recordCount, firstDelta: 1)))
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
    var metadata = ByteBuffer()
    encodeMetadata(position: commit.position, streamTime: commit.streamTime, into: &metadata)
    let byteCount = metadata.count + commit.records.byteCount
    guard byteCount <= changelog.maxCommitBytes else {
      throw StoreError(
        .tooLarge, "a commit is larger than a batch may be; commit more often",
        ["bytes": byteCount, "greatest": changelog.maxCommitBytes])
    }
    let records = commit.records.bytes.copied
    let (position, streamTime, recordCount) = (commit.position, commit.streamTime, commit.records.count)
    let metadataBytes = metadata.bytes.copied
    return try changelog.state.withLock { (state) throws(StoreError) in
      try check(state)
      let receipt = unsafe state.lastReceipt.followed(
        byMetadata: metadataBytes.span.bytes, records: records.span.bytes)
      let end = state.end.advanced(by: Int64(recordCount) + 1 + changelog.offsetGap)
      let appended = AppendedCommit(baseOffset: state.end, endOffset: end, receipt: receipt)
      state.commits.append(
        InMemoryChangelog.Stored(
          baseOffset: state.end, endOffset: end, epoch: epoch,
          timestamp: Timestamp(Date().timeIntervalSince1970 * 1000), previousReceipt: state.lastReceipt,
          receipt: receipt, position: position, streamTime: streamTime, records: records, recordCount: recordCount))
      state.end = end
      state.lastReceipt = receipt
      if changelog.durability == .sync { state.durable = end }
      return appended
    }
  }

  func sync() throws(StoreError) -> Offset {
    try changelog.state.withLock { (state) throws(StoreError) in
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

extension RawSpan {
  /// The bytes as an array.
  var copied: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }
}
