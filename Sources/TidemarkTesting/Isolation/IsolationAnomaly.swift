/// A contradiction in a recorded history: something that an isolated store never shows.
public struct IsolationAnomaly: Sendable, CustomStringConvertible {
  /// What contradicts what, in the names of Adya ("Weak Consistency", 1999) and of Kingsbury and Alvaro ("Elle", 2020).
  public enum Kind: String, Sendable, CaseIterable {
    /// Transactions that overwrite each other: a cycle of write dependencies.
    case g0 = "G0, dirty write"
    /// A read of what was aborted or rolled back.
    case g1a = "G1a, aborted read"
    /// A read of what a transaction had only in between.
    case g1b = "G1b, intermediate read"
    /// A cycle of write and read dependencies: operations that have seen each other.
    case g1c = "G1c, circular information flow"
    /// Two transactions that read the same version of a list, and both appended to it.
    case lostUpdate = "lost update"
    /// A cycle with one anti-dependency: a reader that has seen one part of a commit, or of what led to it, and not another.
    case gSingle = "G-single, read skew"
    /// A cycle of anti-dependencies alone: each has not seen the other.
    case writeSkew = "G2, write skew"
    /// A cycle with several anti-dependencies.
    case g2 = "G2, anti-dependency cycle"
    /// A transaction that doesn't see what it has appended itself, or not behind the rest.
    case internalRead = "internal, own appends not seen"
    /// A list that has an element twice.
    case duplicate = "duplicate element"
    /// Two lists read of a key, neither of which is the beginning of the other.
    case incompatibleOrder = "incompatible order"
    /// An element that nobody has appended.
    case unknownElement = "unknown element"
    /// A list that isn't what the commits up to the reader's offset made it.
    case wrongState = "state not that of the offset"
    /// An offset, a position or a stream time that no commit has, or not together, or not in the order of commits.
    case wrongStamp = "offset, position and stream time not of one commit"
    /// An uncommitted read of something that was over, or isn't there yet, or without what it must have.
    case uncommittedRead = "impossible uncommitted read"
    /// A history that doesn't keep to what a history is.
    case malformed = "malformed history"
  }

  /// What a contradiction rests on, beside what lists show.
  public enum Basis: Int, Sendable, Comparable, CaseIterable, CustomStringConvertible {
    /// Nothing else.
    case lists
    /// The offsets of commits.
    case offsets
    /// That each process does one thing after the other: that a reader never goes back, for instance.
    case session
    /// That what begins after something has ended comes after it: that acknowledged commits are seen, for instance.
    case realTime

    /// Orders them by what more has to be believed.
    public static func < (a: Basis, b: Basis) -> Bool { a.rawValue < b.rawValue }
    /// The name of what it rests on.
    public var description: String {
      switch self {
      case .lists: "lists"
      case .offsets: "offsets"
      case .session: "session"
      case .realTime: "real time"
      }
    }
  }

  /// A step of a cycle: an operation that comes before another.
  public struct Edge: Sendable {
    /// Why it comes before.
    public enum Dependency: String, Sendable, CaseIterable {
      /// The other's element comes next in a list.
      case ww
      /// The other has read its element.
      case wr
      /// The other has appended what it has not read yet.
      case rw
      /// The other began when it had ended.
      case order
    }

    /// The number of the operation in the history.
    public let from: Int
    /// The number of the other operation in the history.
    public let to: Int
    /// Why it comes before.
    public let dependency: Dependency
    /// What that rests on.
    public let basis: Basis
    /// The list, if it rests on one.
    public let key: HistoryKey?
  }

  /// What it is.
  public let kind: Kind
  /// What it rests on: the most that its edges need.
  public let basis: Basis
  /// The cycle, if it is one: each edge begins where the one before ends, and the last ends where the first begins.
  public let cycle: [Edge]
  /// The numbers of the operations in question in the history.
  public let operations: [Int]
  /// What was found, as text of several lines.
  public let description: String

  /// Its name: the kind, and what it rests on beside lists.
  public var name: String { basis == .lists ? kind.rawValue : "\(kind.rawValue) (\(basis))" }
}
