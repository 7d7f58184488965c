/// One file of a file log's commits.
public struct LogSegment: Sendable, Hashable {
  /// The file.
  public var path: String
  /// Where its first commit starts.
  public var startOffset: Offset
  /// Where its last commit ends: the next segment's start, or the end of the log.
  public var endOffset: Offset
  /// The file's size.
  public var byteCount: Int

  /// The file's name.
  public var name: String { path.split(separator: "/").last.map(String.init) ?? path }
}

extension FileLog {
  /// Lists the segments in order.
  ///
  /// Takes no lock; the log may be appended to meanwhile.
  public func segments() throws(StoreError) -> [LogSegment] {
    let bases = try directory.segments()
    let end = try offsets().end.value
    var segments: [LogSegment] = []
    for (place, base) in bases.enumerated() {
      let path = directory.path(base, "log")
      let byteCount = try directory.storage.open(path, .read)?.size() ?? 0
      segments.append(
        LogSegment(
          path: path, startOffset: Offset(base), endOffset: Offset(place + 1 < bases.count ? bases[place + 1] : end),
          byteCount: byteCount))
    }
    return segments
  }
}
