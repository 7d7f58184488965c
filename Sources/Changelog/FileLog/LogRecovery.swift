/// What was found, and cut, when a writer recovered the end of a file log.
public struct LogRecovery: Sendable, Hashable {
  /// The last segment's file, which is the one that was cut, if one was.
  public var file: String
  /// Where the log ends.
  public var endOffset: Offset
  /// How many bytes were cut off behind the last intact commit; none of them was known to be durable.
  public var cutBytes: Int
  /// What was wrong with the first batch that was cut.
  public var reason: String?
  /// How many bytes were read and checked.
  public var scannedBytes: Int
  /// How many segments the log has.
  public var segments: Int
}
