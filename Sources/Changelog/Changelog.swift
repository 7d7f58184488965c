/// The record of a store's commits: append-only, totally ordered, the source of truth.
///
/// Offsets may have gaps, and a commit may lie in the log as several batches: callers only use the offsets they are given.
/// Calls block.
public protocol Changelog: Sendable {
  /// Which changelog this is; it never changes.
  var identity: ChangelogIdentity { get }

  /// Where the changelog starts and ends.
  func offsets() throws(StoreError) -> ChangelogOffsets

  /// Becomes the one writer. Recovers the end of the log first and fences the former writer.
  ///
  /// Throws `locked` while another live writer holds the changelog, `corrupted` if something known to be durable is
  /// damaged.
  func openWriter() throws(StoreError) -> any ChangelogWriter

  /// Reads commits in order from the one that starts at `start`, until `body` answers `.stop`, `end` is reached, or the
  /// changelog ends. `start` must be where a commit starts, or the end.
  ///
  /// Returns the offset after the last commit given to `body`. What `body` is given is valid only during the call.
  @discardableResult
  func read(
    from start: Offset, to end: Offset?, _ body: (LoggedCommit) throws(StoreError) -> ReadContinuation
  ) throws(StoreError) -> Offset

  /// The receipt of the commit that ends at `offset`; at the start of an uncut changelog, the receipt before the first
  /// commit. `nil` if no commit ends there. O(1) in the length of the changelog.
  func receipt(endingAt offset: Offset) throws(StoreError) -> Receipt?

  /// Where the last commit ends that a point of the history includes; 0 if it includes none.
  ///
  /// Throws `invalidArgument` if the commits of the point were deleted.
  func end(at point: ChangelogPoint) throws(StoreError) -> Offset

  /// Deletes commits below `offset`, as far as that is possible without touching others, and keeps at least the commit
  /// that ends there. Call it only for what a verified checkpoint covers.
  ///
  /// Returns the start of the changelog afterwards.
  @discardableResult
  func deleteCommits(below offset: Offset) throws(StoreError) -> Offset
}

extension Changelog {
  /// Found by reading from the start.
  public func end(at point: ChangelogPoint) throws(StoreError) -> Offset {
    let start = try offsets().start
    var end = start
    try read(from: end, to: nil) { commit in
      guard point.includes(end: commit.endOffset, timestamp: commit.timestamp) else { return .stop }
      end = commit.endOffset
      return .next
    }
    if end == start, start > .zero, point != .offset(end) { throw point.deletedError(start) }
    return end
  }
}

/// A point of a changelog's history.
public enum ChangelogPoint: Hashable, Sendable {
  /// All commits that end at or before an offset.
  case offset(Offset)
  /// All commits before the first that was appended later than that, by the writers' wall clocks; where those went back, a
  /// changelog with an index by time may find a later one.
  case time(Timestamp)

  /// Whether it includes a commit; those before it are.
  public func includes(end: Offset, timestamp: Timestamp) -> Bool {
    switch self {
    case .offset(let last): end <= last
    case .time(let last): timestamp <= last
    }
  }

  func deletedError(_ start: Offset) -> StoreError {
    StoreError(.invalidArgument, "the commits of that time were deleted; the changelog begins later", ["start": start])
  }
}

/// The offsets of a changelog at one moment.
public struct ChangelogOffsets: Sendable, Hashable {
  /// Where the first commit that is kept starts.
  public var start: Offset
  /// Below it, commits survive a loss of power.
  public var durable: Offset
  /// After the last commit.
  public var end: Offset

  /// Puts offsets together.
  public init(start: Offset, durable: Offset, end: Offset) {
    self.start = start
    self.durable = durable
    self.end = end
  }
}

/// Whether reading goes on.
public enum ReadContinuation: Sendable {
  /// With the next commit.
  case next
  /// Not at all.
  case stop
}

/// The one writer of a changelog.
///
/// `append` is called by one thread at a time; `sync` and the properties by any.
public protocol ChangelogWriter: AnyObject, Sendable {
  /// Counts the writers the changelog has had.
  var epoch: Int32 { get }
  /// After the last commit.
  var endOffset: Offset { get }
  /// Below it, commits survive a loss of power.
  var durableOffset: Offset { get }
  /// The receipt of the last commit.
  var lastReceipt: Receipt { get }

  /// Appends one commit, all or nothing; when it returns, the commit is as durable as the changelog's setting says.
  ///
  /// Throws `unavailable`, `outOfSpace` or `tooLarge` with nothing appended; `fenced` when another writer took over;
  /// `commitUnknown` when it can't be told, after which the writer takes no more; `failed`, with nothing appended, when it
  /// takes no more since a sync failed that no commit waited for.
  func append(_ commit: borrowing Commit) throws(StoreError) -> AppendedCommit

  /// Makes everything appended so far survive a loss of power; returns the offset below which it does.
  @discardableResult
  func sync() throws(StoreError) -> Offset

  /// Syncs, and gives the lock back. Further calls throw `closed`.
  func close() throws(StoreError)
}

/// Where a commit went.
public struct AppendedCommit: Sendable, Hashable {
  /// Where it starts.
  public var baseOffset: Offset
  /// After it: the next commit's earliest start.
  public var endOffset: Offset
  /// Its receipt.
  public var receipt: Receipt

  /// Puts the answer together.
  public init(baseOffset: Offset, endOffset: Offset, receipt: Receipt) {
    self.baseOffset = baseOffset
    self.endOffset = endOffset
    self.receipt = receipt
  }
}

/// A commit as it is read from a changelog.
///
/// Valid only during the call it is given to.
public struct LoggedCommit: ~Escapable {
  /// Where it starts.
  public let baseOffset: Offset
  /// After it.
  public let endOffset: Offset
  /// The writer that appended it.
  public let epoch: Int32
  /// When it was appended, by the writer's wall clock.
  public let timestamp: Timestamp
  /// The receipt of the commit before.
  public let previousReceipt: Receipt
  /// Its receipt.
  public let receipt: Receipt
  /// How far each input partition was consumed.
  public let position: Position
  /// The stream time.
  public let streamTime: Timestamp?
  /// How many bytes it takes in the changelog.
  public let byteCount: Int
  /// The net changes.
  public let records: RecordSpan

  /// Puts a commit together.
  @_lifetime(copy records)
  public init(
    baseOffset: Offset, endOffset: Offset, epoch: Int32, timestamp: Timestamp, previousReceipt: Receipt,
    receipt: Receipt, position: Position, streamTime: Timestamp?, byteCount: Int, records: RecordSpan
  ) {
    self.baseOffset = baseOffset
    self.endOffset = endOffset
    self.epoch = epoch
    self.timestamp = timestamp
    self.previousReceipt = previousReceipt
    self.receipt = receipt
    self.position = position
    self.streamTime = streamTime
    self.byteCount = byteCount
    self.records = records
  }
}
