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

/// What a transaction or a reader did, and what it saw: one operation of an ``IsolationHistory``.
public struct HistoryOperation: Sendable {
  /// Who did it.
  public enum Kind: String, Sendable, CaseIterable {
    /// The store's transaction: it appends and reads, and ends with a commit or an abort.
    case transaction
    /// A snapshot with all that was read of it, at any later time: the state at one commit.
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
    /// What came after the last savepoint was rolled back, and the savepoint is gone.
    case rollBack
    /// The last savepoint is gone, and what came after it stays.
    case release
  }

  /// How a transaction ended.
  public enum Outcome: Sendable {
    /// The commit was acknowledged.
    case committed
    /// It was aborted, or its commit failed as *not committed*.
    case aborted
    /// The commit failed as *unknown*: it counts as committed once it was seen, or if it has a stamp.
    case unknown
  }

  /// Which commit it was, or which one was seen.
  public struct Stamp: Sendable, Equatable {
    /// The offset behind the commit.
    public var offset: Offset
    /// The position at the commit; `nil`: not recorded, and stream time neither.
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

  /// Who did it.
  public var kind: Kind
  /// The thread, or another sequence of operations of which each begins when the one before has ended.
  public var process: Int
  /// The tick before the call: of a snapshot, before it was taken.
  public var begin: Int
  /// The tick after the call: of a snapshot, after it was taken; of a transaction, after its commit or abort.
  ///
  /// That of an unknown commit doesn't count.
  public var end: Int
  /// How a transaction ended.
  public var outcome: Outcome
  /// What was done, in order.
  public var actions: [Action]
  /// The commit that it made, or saw; `nil` if it wasn't recorded.
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
