/// A contradiction in a recorded history: something that an isolated store never shows.
public struct IsolationAnomaly: Sendable, CustomStringConvertible {
  /// The kind of contradiction, named as by Adya ("Weak Consistency", 1999) and Kingsbury and Alvaro ("Elle", 2020).
  public enum Kind: String, Sendable, CaseIterable {
    /// Transactions that overwrite each other: a cycle of write dependencies.
    case g0 = "G0, dirty write"
    /// A read of an element that was aborted or rolled back.
    case g1a = "G1a, aborted read"
    /// A read of an intermediate state of a transaction.
    case g1b = "G1b, intermediate read"
    /// A cycle of write and read dependencies: operations that have seen each other.
    case g1c = "G1c, circular information flow"
    /// Two transactions that read the same version of a list, and both appended to it.
    case lostUpdate = "lost update"
    /// A cycle with one anti-dependency: a reader that saw one part of a commit, or of its causes, and not another.
    case gSingle = "G-single, read skew"
    /// A cycle of anti-dependencies alone: neither operation has seen the other.
    case writeSkew = "G2, write skew"
    /// A cycle with several anti-dependencies.
    case g2 = "G2, anti-dependency cycle"
    /// A transaction that doesn't see its own appends, or not after the other elements.
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
    /// An uncommitted read that shows elements already dropped or not yet appended, or lacks some that it must show.
    case uncommittedRead = "impossible uncommitted read"
    /// A history that breaks the rules for histories.
    case malformed = "malformed history"
  }

  /// The evidence for a contradiction, beside the lists.
  public enum Basis: Int, Sendable, Comparable, CaseIterable, CustomStringConvertible {
    /// Nothing else.
    case lists
    /// The offsets of commits.
    case offsets
    /// The order of each process's operations: for instance, a reader never goes back.
    case session
    /// The order of operations in real time: for instance, later operations see acknowledged commits.
    case realTime

    /// Orders them by how much has to be believed.
    public static func < (a: Basis, b: Basis) -> Bool { a.rawValue < b.rawValue }
    /// The name of the basis.
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
      /// The other has appended an element that it had not read.
      case rw
      /// The other began after it had ended.
      case order
    }

    /// The number of the operation in the history.
    public let from: Int
    /// The number of the other operation in the history.
    public let to: Int
    /// Why it comes before.
    public let dependency: Dependency
    /// The basis of the dependency.
    public let basis: Basis
    /// The list, if it rests on one.
    public let key: HistoryKey?
  }

  /// The kind of contradiction.
  public let kind: Kind
  /// The basis: the greatest that its edges need.
  public let basis: Basis
  /// The cycle, if it is one: each edge begins where the one before ends, and the last ends where the first begins.
  public let cycle: [Edge]
  /// The numbers of the operations in question in the history.
  public let operations: [Int]
  /// The finding, as text of several lines.
  public let description: String

  /// Its name: the kind, and its basis unless that is the lists alone.
  public var name: String { basis == .lists ? kind.rawValue : "\(kind.rawValue) (\(basis))" }
}
