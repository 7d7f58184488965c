/// The one error of the library: what the caller should do, what happened, and where.
///
/// `kind` is the caller's reaction; `message` is fixed text in lower case, without values; `metadata` holds the values
/// (file, offset, expected, found, …) in the order in which they are worth reading; `cause` is the error of a lower
/// layer, as text.
public struct StoreError: Error, Sendable, Equatable {
  /// What the caller can do about an error.
  public enum Kind: String, Sendable, CaseIterable {
    /// The call was wrong (a bad name, an unknown table, another codec): change the program or its arguments.
    case invalidArgument
    /// Not committed; nothing changed and all stays staged: try again, or abort.
    case unavailable
    /// No space on the device, or over a quota: make room, then try again. Nothing was lost.
    case outOfSpace
    /// The memory budget or a transaction's hard limit is reached: commit, or abort.
    case overBudget
    /// A commit exceeds the greatest size of a batch: commit more often.
    case tooLarge
    /// Another process, or another object in this one, holds the lock: wait for it, or stop it.
    case locked
    /// Another writer took the changelog over: stop this one.
    case fenced
    /// The store, the transaction or the log is closed.
    case closed
    /// A snapshot outlived its time: take another.
    case snapshotExpired
    /// Bytes on disk are not what was written: see the message for the remedy; nothing was repaired in silence.
    case corrupted
    /// The state belongs to another changelog, or the changelog was recreated, cut or forked.
    case wrongChangelog
    /// The log can't tell whether the commit is durable, or it is but could not be applied: reopen the store, and
    /// restore decides by what the log holds.
    case commitUnknown
    /// The store failed beside a commit (a flush, a sync) and takes no more writes; what was acknowledged is in the log:
    /// mend what ``StoreError/causeKind`` says, and reopen the store.
    case failed
    /// The format on disk is newer than this version, or uses what it doesn't know.
    case unsupported
    /// The caller's own progress closure threw.
    case cancelled
    /// Permission is missing.
    case permissionDenied
    /// The file system failed in another way.
    case inputOutput
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
