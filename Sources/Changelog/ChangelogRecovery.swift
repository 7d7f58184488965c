/// What a writer found, and cut, when it was opened.
public struct ChangelogRecovery: Sendable, Hashable {
  /// A torn end: what followed the last intact commit, none of it known to be durable.
  public struct Cut: Sendable, Hashable {
    /// Where the last intact commit ends.
    public var offset: Offset
    /// How many bytes were cut off after it.
    public var byteCount: Int
    /// Which file or partition they were cut off.
    public var place: String
    /// What was wrong with them, in lower case; `nil` if there was nothing to be found wrong, such as an end that was only
    /// begun.
    public var reason: String?

    /// Puts a report together.
    public init(offset: Offset, byteCount: Int, place: String, reason: String?) {
      self.offset = offset
      self.byteCount = byteCount
      self.place = place
      self.reason = reason
    }
  }

  /// What was cut; `nil` if the changelog ended with a whole commit.
  public var cut: Cut?
  /// How many bytes of the changelog were read and checked.
  public var scannedBytes: Int

  /// Puts a report together; without arguments, nothing was cut and nothing read.
  public init(cut: Cut? = nil, scannedBytes: Int = 0) {
    self.cut = cut
    self.scannedBytes = scannedBytes
  }
}
