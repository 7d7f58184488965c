/// The status of a call that RocksDB refused or failed.
///
/// `code`, `subcode` and `severity` are those of `rocksdb::Status`; `message` is its text, with paths.
public struct RocksDBError: Error, Sendable, Equatable {
  /// The kind of a failure, numbered as in `rocksdb::Status::Code`.
  public enum Code: UInt8, Sendable {
    /// No failure.
    case ok = 0
    /// Something that was named doesn't exist.
    case notFound = 1
    /// Bytes on disk are not what was written.
    case corruption = 2
    /// The database can't do this, or it is open for reading only.
    case notSupported = 3
    /// The call was wrong.
    case invalidArgument = 4
    /// The file system failed.
    case ioError = 5
    /// A merge is under way.
    case mergeInProgress = 6
    /// The operation stopped before its end.
    case incomplete = 7
    /// The database is closing.
    case shutdownInProgress = 8
    /// A wait took too long.
    case timedOut = 9
    /// The operation was given up.
    case aborted = 10
    /// Something is in use.
    case busy = 11
    /// Something is past its time.
    case expired = 12
    /// The operation can succeed when it is repeated.
    case tryAgain = 13
    /// A compaction is too large.
    case compactionTooLarge = 14
    /// The column family was dropped.
    case columnFamilyDropped = 15
  }

  /// The cause of a failure, numbered as in `rocksdb::Status::SubCode`.
  public enum Subcode: UInt8, Sendable {
    /// Nothing more is known.
    case none = 0
    /// A mutex wasn't free in time.
    case mutexTimeout = 1
    /// A lock wasn't free in time.
    case lockTimeout = 2
    /// There are too many locks.
    case lockLimit = 3
    /// The device is full.
    case noSpace = 4
    /// Two transactions wait for each other.
    case deadlock = 5
    /// The file handle is stale.
    case staleFile = 6
    /// Memory ran out, or a limit of it was reached.
    case memoryLimit = 7
    /// A limit of disk space was reached.
    case spaceLimit = 8
    /// The path doesn't exist.
    case pathNotFound = 9
    /// There is no room for all merge operands.
    case mergeOperandsInsufficientCapacity = 10
    /// Manual compactions are paused.
    case manualCompactionPaused = 11
    /// The value was overwritten.
    case overwritten = 12
    /// The transaction isn't prepared.
    case transactionNotPrepared = 13
    /// Another process took the storage over.
    case ioFenced = 14
    /// A subcode that this version doesn't know.
    case other = 255
  }

  /// How far a background error reaches, numbered as in `rocksdb::Status::Severity`.
  public enum Severity: UInt8, Sendable {
    /// Not a background error.
    case none = 0
    /// Background work failed; writes go on.
    case soft = 1
    /// Writes are refused.
    case hard = 2
    /// Writes are refused until the database is opened again.
    case fatal = 3
    /// Data may be lost.
    case unrecoverable = 4
  }

  /// The kind of the failure.
  public var code: Code
  /// Its cause, if known.
  public var subcode: Subcode
  /// How far it reaches, if it is a background error.
  public var severity: Severity
  /// RocksDB's text.
  public var message: String

  /// Makes an error, as a hook of ``DatabaseOptions`` returns it.
  public init(_ code: Code, _ subcode: Subcode = .none, severity: Severity = .none, message: String) {
    self.code = code
    self.subcode = subcode
    self.severity = severity
    self.message = message
  }
}

extension RocksDBError: CustomStringConvertible {
  /// One line: the message and the codes.
  public var description: String {
    var codes = "\(code)"
    if subcode != .none { codes += ", \(subcode)" }
    if severity != .none { codes += ", severity \(severity)" }
    return "\(message) [\(codes)]"
  }
}
