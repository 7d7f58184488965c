extension FileLog {
  /// How many bytes the commits between two offsets take; `nil` if one of them is no commit's start or end.
  ///
  /// Found through the indexes: at most an index interval of headers is read of each segment.
  public func byteCount(from start: Offset, to end: Offset) throws(StoreError) -> Int? {
    guard start < end else { return start == end ? 0 : nil }
    let segments = try directory.segments()
    guard let first = segments.first, start.value >= first else { return nil }
    var count = 0
    for (place, base) in segments.enumerated() {
      let next = place + 1 < segments.count ? segments[place + 1] : Int64.max
      guard base < end.value, next > start.value else { continue }
      guard let from = try directory.position(of: max(start.value, base), inSegment: base),
        let to = try directory.position(of: min(end.value, next), inSegment: base)
      else { return nil }
      count += to - from
    }
    return count
  }
}

extension LogDirectory {
  /// Where in a segment's file the commit ends that ends at an offset; `nil` if none does.
  fileprivate func position(of offset: Int64, inSegment base: Int64) throws(StoreError) -> Int? {
    if offset == base { return 0 }
    guard let log = try storage.open(path(base, "log"), .read) else { return nil }
    var position = try lookUp(offset - 1, inSegment: base).position
    var window = FileWindow(1 << 12)
    while true {
      let range = position..<position + RecordBatchHeader.byteCount
      guard try window.load(range, of: log), let header = RecordBatchHeader(window.bytes(range)),
        header.implausibility == nil
      else { return nil }
      position += header.totalBytes
      if header.endOffset >= offset { return header.endOffset == offset ? position : nil }
    }
  }
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
