/// The report of the recovery in which a writer was opened.
public struct ChangelogRecovery: Sendable, Hashable {
  /// A torn end: the bytes after the last intact commit, none of them known to be durable.
  public struct Cut: Sendable, Hashable {
    /// The end of the last intact commit.
    public var offset: Offset
    /// The number of bytes that were cut after it.
    public var byteCount: Int
    /// The file or partition from which they were cut.
    public var place: String
    /// The reason, in lower case; `nil` if there is none to report, such as for a commit that was only begun.
    public var reason: String?

    /// Creates a report.
    public init(offset: Offset, byteCount: Int, place: String, reason: String?) {
      self.offset = offset
      self.byteCount = byteCount
      self.place = place
      self.reason = reason
    }
  }

  /// The cut; `nil` if the changelog ended with a whole commit.
  public var cut: Cut?
  /// The number of bytes of the changelog that were read and checked.
  public var scannedBytes: Int

  /// Creates a report; without arguments, nothing was cut or read.
  public init(cut: Cut? = nil, scannedBytes: Int = 0) {
    self.cut = cut
    self.scannedBytes = scannedBytes
  }
}
