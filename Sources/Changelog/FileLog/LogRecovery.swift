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

extension ChangelogRecovery {
  /// What the recovery of a file log found.
  init(_ recovery: LogRecovery) {
    self.init(scannedBytes: recovery.scannedBytes)
    guard recovery.cutBytes > 0 else { return }
    cut = Cut(
      offset: recovery.endOffset, byteCount: recovery.cutBytes, place: recovery.file, reason: recovery.reason)
  }
}
