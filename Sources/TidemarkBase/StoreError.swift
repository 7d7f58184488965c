/// The one error of the library: what the caller should do, what happened, and where.
///
/// `kind` is the caller's reaction; `message` is fixed text in lower case, without values; `metadata` holds the values
/// (file, offset, expected, found, …) in the order in which they are worth reading; `cause` is the error of a lower
/// layer, as text.
public struct StoreError: Error, Sendable, Equatable {
  /// The caller's reaction to an error.
  ///
  /// Later versions may add kinds, so a `switch` over them needs a `default`. Treat an unknown kind like ``failed``.
  public struct Kind: RawRepresentable, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// The kind's name, as `outOfSpace`: stable, for logs and metrics.
    public let rawValue: String

    /// The kind of a name; names that this version doesn't know are kept.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// The name.
    public var description: String { rawValue }

    /// The call was wrong (a bad name, an unknown table): change the program or its arguments.
    public static let invalidArgument = Self(rawValue: "invalidArgument")
    /// Not committed; nothing changed and all stays staged: try again, or abort.
    public static let unavailable = Self(rawValue: "unavailable")
    /// No space on the device, or over a quota; nothing was lost: make room, then try again.
    public static let outOfSpace = Self(rawValue: "outOfSpace")
    /// The memory budget or a transaction's hard limit is reached: commit, or abort.
    public static let overBudget = Self(rawValue: "overBudget")
    /// A commit exceeds the greatest size of a batch: commit more often.
    public static let tooLarge = Self(rawValue: "tooLarge")
    /// Another process, or another object in this one, holds the lock: wait for it, or stop it.
    public static let locked = Self(rawValue: "locked")
    /// Another writer took the changelog over: stop this one.
    public static let fenced = Self(rawValue: "fenced")
    /// The store, the transaction or the log is closed.
    public static let closed = Self(rawValue: "closed")
    /// A snapshot outlived its time: take another.
    public static let snapshotExpired = Self(rawValue: "snapshotExpired")
    /// Bytes on disk are not what was written: see the message for the remedy; nothing was repaired in silence.
    public static let corrupted = Self(rawValue: "corrupted")
    /// The bytes are whole, but the program declares something else than was written (other codecs of a table, another
    /// type of a value): declare what was written, or convert it.
    public static let schemaMismatch = Self(rawValue: "schemaMismatch")
    /// The state belongs to another changelog, or the changelog was recreated, cut or forked.
    public static let wrongChangelog = Self(rawValue: "wrongChangelog")
    /// The log can't tell whether the commit is durable, or it is but could not be applied: reopen the store, and
    /// restore decides by what the log holds.
    public static let commitUnknown = Self(rawValue: "commitUnknown")
    /// The store failed beside a commit (a flush, a sync) and takes no more writes; what was acknowledged is in the log:
    /// mend what ``StoreError/causeKind`` says, and reopen the store.
    public static let failed = Self(rawValue: "failed")
    /// The format on disk is newer than this version, or uses what it doesn't know.
    public static let unsupported = Self(rawValue: "unsupported")
    /// The caller's own progress closure threw.
    public static let cancelled = Self(rawValue: "cancelled")
    /// Permission is missing.
    public static let permissionDenied = Self(rawValue: "permissionDenied")
    /// The file system failed in another way.
    public static let inputOutput = Self(rawValue: "inputOutput")

    /// The kinds that this version throws.
    public static let allCases: [Self] = [
      .invalidArgument, .unavailable, .outOfSpace, .overBudget, .tooLarge, .locked, .fenced, .closed,
      .snapshotExpired, .corrupted, .schemaMismatch, .wrongChangelog, .commitUnknown, .failed, .unsupported,
      .cancelled, .permissionDenied, .inputOutput,
    ]
  }

  /// What the caller can do.
  public var kind: Kind
  /// What happened: fixed text, lower case, no values.
  public var message: String
  /// The values, most telling first.
  public var metadata: [Entry]
  /// The error of a lower layer, as text.
  public var cause: String?
  /// The kind of that error, if it is one of these.
  public var causeKind: Kind?

  /// A named value of an error.
  public struct Entry: Sendable, Equatable {
    /// What it is, as `file` or `offset`.
    public var name: String
    /// Its value, as text.
    public var value: String

    /// Names a value.
    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  /// Makes an error; the values follow the message as `["file": path, "offset": offset]`.
  public init(
    _ kind: Kind, _ message: String, _ metadata: KeyValuePairs<String, any CustomStringConvertible> = [:],
    cause: (any Error)? = nil
  ) {
    self.kind = kind
    self.message = message
    self.metadata = metadata.map { Entry(name: $0.key, value: $0.value.description) }
    self.cause = cause.map { "\($0)" }
    causeKind = (cause as? StoreError)?.kind
  }
}

extension StoreError: CustomStringConvertible {
  /// One line: message, values, cause, kind.
  public var description: String {
    var line = message
    if !metadata.isEmpty { line += " (" + metadata.map { "\($0.name): \($0.value)" }.joined(separator: ", ") + ")" }
    if let cause { line += "; cause: " + cause }
    return line + " [\(kind.rawValue)]"
  }
}
