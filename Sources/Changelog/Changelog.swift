/// The ordered, append-only sequence of a store's commits: the source of truth.
///
/// Offsets may have gaps, and a commit may be several batches in the log: callers only use offsets that the changelog
/// gave them. The end is the end of the last commit that readers may see; later records, such as those of an aborted
/// transaction, are ignored. Calls block, and may come from any thread.
///
/// Your own changelog needs ``identity``, ``offsets()``, ``openWriter()``, ``read(from:to:_:)``, ``receipt(endingAt:)``
/// and ``deleteCommits(below:)``; the other requirements have defaults. A changelog that wraps another must forward
/// every call.
public protocol Changelog: Sendable {
  /// The identity of the changelog; it never changes.
  var identity: ChangelogIdentity { get }

  /// The promises that the changelog keeps; they never change while the value is in use. The default is
  /// ``ChangelogCapabilities/verifiesHistory`` and ``ChangelogCapabilities/keepsHistory``.
  var capabilities: ChangelogCapabilities { get }

  /// The current start, durable offset and end of the changelog.
  ///
  /// As long as the writer stays the same, neither `durable` nor `end` goes back, and `durable` is at most `end`.
  func offsets() throws(StoreError) -> ChangelogOffsets

  /// Waits until `end` or `durable` differs from `known`, or until `timeout` has passed; returns the current offsets.
  ///
  /// If they differ already, or if `timeout` is zero or less, it returns at once. The default polls ``offsets()`` every
  /// 20 ms.
  func waitForChange(from known: ChangelogOffsets, timeout: Duration) throws(StoreError) -> ChangelogOffsets

  /// Opens the one writer. It first recovers the end of the log and fences the previous writer. The writer's
  /// ``ChangelogWriter/recovery`` reports the bytes that were cut.
  ///
  /// Throws `locked` while another live writer holds the changelog, `corrupted` if damage lies below the offset that is
  /// known to be durable.
  func openWriter() throws(StoreError) -> any ChangelogWriter

  /// Reads commits in order from the first at or after `start`, until `body` returns `.stop`, `end` is reached, or the
  /// changelog ends. `start` must be where the changelog starts, or where a commit starts or ends: offsets between the
  /// end of a commit and the start of the next are skipped.
  ///
  /// Returns the end offset of the last commit passed to `body`. The argument of `body` is valid only during the call.
  @discardableResult
  func read(
    from start: Offset, to end: Offset?, _ body: (LoggedCommit) throws(StoreError) -> ReadContinuation
  ) throws(StoreError) -> Offset

  /// The receipt of the commit that ends at `offset`; at the start of a changelog without deleted commits, the receipt
  /// before the first commit. `nil` if no commit ends there. Takes O(1) in the length of the changelog.
  func receipt(endingAt offset: Offset) throws(StoreError) -> Receipt?

  /// The end of the last commit that a point of the history includes; 0 if it includes none.
  ///
  /// Throws `invalidArgument` if the commits at the point were deleted.
  func end(at point: ChangelogPoint) throws(StoreError) -> Offset

  /// The bytes of the commits between two offsets in the changelog, from which progress, lag and needed space are
  /// computed; `nil`, the default, if it can't be known without reading the commits.
  ///
  /// At both offsets, a commit must start or end. The result is the sum of ``LoggedCommit/byteCount`` of the commits
  /// between.
  func byteCount(from start: Offset, to end: Offset) throws(StoreError) -> Int?

  /// Deletes commits below `offset`, as many as possible without touching others, and keeps at least the commit that
  /// ends there. Call it only for commits that a verified checkpoint covers.
  ///
  /// Returns the start of the changelog afterwards.
  @discardableResult
  func deleteCommits(below offset: Offset) throws(StoreError) -> Offset
}

extension Changelog {
  /// The capabilities of a log that keeps all commits.
  public var capabilities: ChangelogCapabilities { [.verifiesHistory, .keepsHistory] }

  /// Always `nil`: unknown.
  public func byteCount(from start: Offset, to end: Offset) throws(StoreError) -> Int? { nil }

  /// Polls the offsets.
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
  /// All commits before the first one that was appended later than the time, by the writers' wall clocks; if clocks
  /// went back, a changelog with an index by time may include more commits.
  case time(Timestamp)

  /// Whether the point includes a commit, if it includes all earlier ones.
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
  /// The start of the first commit that is kept.
  public var start: Offset
  /// Commits below this offset survive a loss of power.
  public var durable: Offset
  /// The end of the last commit that readers may see.
  public var end: Offset

  /// Creates a value from its parts.
  public init(start: Offset, durable: Offset, end: Offset) {
    self.start = start
    self.durable = durable
    self.end = end
  }
}

/// Whether reading continues.
public enum ReadContinuation: Sendable {
  /// Continue with the next commit.
  case next
  /// Stop reading.
  case stop
}
