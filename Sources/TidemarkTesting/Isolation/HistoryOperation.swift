public import Changelog

/// A list in a recorded history: a key of a table whose value is a list that only grows.
public struct HistoryKey: Hashable, Sendable, CustomStringConvertible {
  /// The table's name.
  public var table: String
  /// The key, as text.
  public var key: String

  /// Names a list.
  public init(_ table: String, _ key: String) {
    self.table = table
    self.key = key
  }

  /// `table/key`.
  public var description: String { "\(table)/\(key)" }
}

/// The actions of a transaction or a reader, and their results: one operation of an ``IsolationHistory``.
public struct HistoryOperation: Sendable {
  /// The kind of transaction or reader.
  public enum Kind: String, Sendable, CaseIterable {
    /// The store's transaction: it appends and reads, and ends with a commit or an abort.
    case transaction
    /// A snapshot with all reads of it, at any later time: the state at one commit.
    case snapshot
    /// A read, or a scan, that sees the last commit.
    case read
    /// A read, or a scan, that sees the open transaction as well.
    case uncommittedRead = "uncommitted read"
  }

  /// One step of an operation.
  public enum Action: Sendable {
    /// A transaction appended an element to a list; no element is ever appended twice to one.
    case append(Int, to: HistoryKey)
    /// A list was read; a key without a value is an empty list.
    case read(HistoryKey, [Int])
    /// A savepoint was set.
    case savepoint
    /// The changes since the last savepoint were rolled back, and the savepoint is gone.
    case rollBack
    /// The last savepoint is gone, and the changes since it stay.
    case release
  }

  /// How a transaction ended.
  public enum Outcome: Sendable {
    /// The commit was acknowledged.
    case committed
    /// It was aborted, or its commit failed as *not committed*.
    case aborted
    /// The commit failed as *unknown*: it counts as committed if a read saw it, or if it has a stamp.
    case unknown
  }

  /// Identifies the commit that was made or seen.
  public struct Stamp: Sendable, Equatable {
    /// The offset after the commit.
    public var offset: Offset
    /// The position at the commit; `nil`: neither it nor stream time was recorded.
    public var position: Position?
    /// The stream time at the commit.
    public var streamTime: Timestamp?

    /// Puts a stamp together.
    public init(_ offset: Offset, _ position: Position? = nil, streamTime: Timestamp? = nil) {
      self.offset = offset
      self.position = position
      self.streamTime = streamTime
    }
  }

  /// The kind of transaction or reader.
  public var kind: Kind
  /// The thread, or another sequence of operations, each of which begins after the previous one has ended.
  public var process: Int
  /// The tick before the call; for a snapshot, before it was taken.
  public var begin: Int
  /// The tick after the call; for a snapshot, after it was taken; for a transaction, after its commit or abort.
  ///
  /// Ignored for an unknown commit.
  public var end: Int
  /// How a transaction ended.
  public var outcome: Outcome
  /// The actions, in order.
  public var actions: [Action]
  /// The commit that the operation made or saw; `nil` if it wasn't recorded.
  public var stamp: Stamp?

  /// Puts an operation together.
  public init(
    _ kind: Kind, process: Int, begin: Int, end: Int, outcome: Outcome = .committed, stamp: Stamp? = nil,
    _ actions: [Action] = []
  ) {
    self.kind = kind
    self.process = process
    self.begin = begin
    self.end = end
    self.outcome = outcome
    self.stamp = stamp
    self.actions = actions
  }
}
