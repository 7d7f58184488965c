/// The record of a store's commits: an ordered sequence of commits, append-only, the source of truth.
///
/// Offsets may have gaps, and a commit may lie in the log as several batches: callers only use the offsets they are given. The
/// end is where the last commit ends that readers may see; what follows it, such as the records of an aborted transaction,
/// doesn't count. Calls block, and come from any thread.
///
/// A changelog of your own needs ``identity``, ``offsets()``, ``openWriter()``, ``read(from:to:_:)``, ``receipt(endingAt:)`` and
/// ``deleteCommits(below:)``; the rest has a default. A changelog that wraps another passes every call on.
public protocol Changelog: Sendable {
  /// Which changelog this is; it never changes.
  var identity: ChangelogIdentity { get }

  /// What it can promise; it never changes while a value of it is in use. The default is
  /// ``ChangelogCapabilities/verifiesHistory`` and ``ChangelogCapabilities/keepsHistory``.
  var capabilities: ChangelogCapabilities { get }

  /// Where the changelog starts, to where it is durable, and where it ends, at this moment.
  ///
  /// As long as one writer goes on, neither `durable` nor `end` goes back, and `durable` isn't beyond `end`.
  func offsets() throws(StoreError) -> ChangelogOffsets

  /// Waits until `end` or `durable` is another than in `known`, or until `timeout` has passed, and answers what they are then.
  ///
  /// Where they are others already, or `timeout` is zero or less, it returns at once. The default looks at ``offsets()`` every
  /// 20 ms.
  func waitForChange(from known: ChangelogOffsets, timeout: Duration) throws(StoreError) -> ChangelogOffsets

  /// Becomes the one writer. Recovers the end of the log first and fences the former writer. The writer's
  /// ``ChangelogWriter/recovery`` says what was cut.
  ///
  /// Throws `locked` while another live writer holds the changelog, `corrupted` if something known to be durable is
  /// damaged.
  func openWriter() throws(StoreError) -> any ChangelogWriter

  /// Reads commits in order from the first at or after `start`, until `body` answers `.stop`, `end` is reached, or the
  /// changelog ends. `start` must be where the changelog starts, or where a commit starts or ends: offsets between the end of
  /// a commit and the start of the next are left out.
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

  /// How many bytes the commits between two offsets take in the changelog, by which progress, lag and free space are
  /// reckoned; `nil` if it can't be told without reading them, which is the default.
  ///
  /// Both are where commits start or end. It is the sum of what ``LoggedCommit/byteCount`` says of the commits between.
  func byteCount(from start: Offset, to end: Offset) throws(StoreError) -> Int?

  /// Deletes commits below `offset`, as far as that is possible without touching others, and keeps at least the commit
  /// that ends there. Call it only for what a verified checkpoint covers.
  ///
  /// Returns the start of the changelog afterwards.
  @discardableResult
  func deleteCommits(below offset: Offset) throws(StoreError) -> Offset
}

extension Changelog {
  /// What is true of a log that keeps all that was appended.
  public var capabilities: ChangelogCapabilities { [.verifiesHistory, .keepsHistory] }

  /// It can't be told.
  public func byteCount(from start: Offset, to end: Offset) throws(StoreError) -> Int? { nil }

  /// Looks at the offsets at intervals.
  public func waitForChange(
    from known: ChangelogOffsets, timeout: Duration
  ) throws(StoreError) -> ChangelogOffsets {
    try lookForChange(from: known, until: .now + min(timeout, .seconds(1 << 32)), every: .milliseconds(20))
  }

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

  package func deletedError(_ start: Offset) -> StoreError {
    StoreError(.invalidArgument, "the commits of that time were deleted; the changelog begins later", ["start": start])
  }
}

/// The status of a changelog at one moment.
public struct ChangelogOffsets: Sendable, Hashable {
  /// Where the first commit that is kept starts.
  public var start: Offset
  /// Below it, commits survive a loss of power.
  public var durable: Offset
  /// After the last commit that readers may see.
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
