extension FileLog {
  /// Where the log starts and ends.
  ///
  /// If this value has no writer, the end is searched from the last index entry on, and the durable offset is the
  /// greatest that the files record.
  public func offsets() throws(StoreError) -> ChangelogOffsets {
    let segments = try directory.segments()
    guard let first = segments.first else {
      try checkNothingIsMissing(first: nil)
      return ChangelogOffsets(start: .zero, durable: .zero, end: .zero)
    }
    try checkNothingIsMissing(first: first)
    if let writer {
      return ChangelogOffsets(start: Offset(first), durable: writer.durableOffset, end: writer.endOffset)
    }
    let known = try knownDurable(segments)
    var cursor = try LogCursor(directory, segments, near: Offset(Int64.max), windowBytes: 1 << 18)
    try tieToCommitBefore(&cursor, segments)
    var reader = LogTail(log: self)
    while try reader.advance(&cursor) {}
    let durable = max(known, cursor.carriedDurable)
    guard known <= cursor.expected else { throw missingEnd(cursor.expected, known, cursor.path) }
    return ChangelogOffsets(start: Offset(first), durable: min(durable, cursor.expected), end: cursor.expected)
  }

  /// Reads commits in order; the log may be appended to meanwhile.
  ///
  /// Throws `invalidArgument` if `start` lies below the start of the log, beyond its end, or inside a commit;
  /// `corrupted` if damage lies below the offset that is known to be durable.
  @discardableResult
  public func read(
    from start: Offset, to end: Offset?, _ body: (LoggedCommit) throws(StoreError) -> ReadContinuation
  ) throws(StoreError) -> Offset {
    let segments = try directory.segments()
    try checkNothingIsMissing(first: segments.first)
    guard let first = segments.first else {
      if start == .zero { return start }
      throw StoreError(.invalidArgument, "the offset lies beyond the end of the log", ["offset": start, "end": 0])
    }
    guard start.value >= first else {
      throw StoreError(
        .invalidArgument, "the commits at the offset were deleted", ["offset": start, "start": first])
    }
    let writerEnd = writer?.endOffset
    if let writerEnd, start > writerEnd {
      throw StoreError(
        .invalidArgument, "the offset lies beyond the end of the log", ["offset": start, "end": writerEnd])
    }
    let last = [end, writerEnd].compactMap { $0 }.min()
    var cursor = try LogCursor(directory, segments, near: start, windowBytes: 1 << 18)
    var tail = LogTail(log: self)
    while cursor.expected < start {
      guard try tail.advance(&cursor) else {
        throw StoreError(
          .invalidArgument, "the offset lies beyond the end of the log", ["offset": start, "end": cursor.expected])
      }
    }
    guard cursor.expected == start else {
      throw StoreError(.invalidArgument, "no commit starts at the offset", ["offset": start, "file": cursor.path])
    }
    var reached = start
    while last.map({ reached < $0 }) ?? true {
      guard try tail.advance(&cursor) else { break }
      if let last, cursor.expected > last { break }
      let continuation = try withCommit(&cursor, body)
      reached = cursor.expected
      if continuation == .stop { break }
    }
    return reached
  }

  private func withCommit(
    _ cursor: inout LogCursor, _ body: (LoggedCommit) throws(StoreError) -> ReadContinuation
  ) throws(StoreError) -> ReadContinuation {
    guard let commit = try? CommitBatch(cursor.batch), let metadata = try? CommitMetadata(commit.metadata),
      let receipt = cursor.lastReceipt
    else {
      throw StoreError(
        .corrupted, "a commit's positions can't be read; restore the file from a copy, or rebuild from a checkpoint",
        ["file": cursor.path, "offset": cursor.batch.header.baseOffset])
    }
    return try body(
      LoggedCommit(
        baseOffset: commit.baseOffset, endOffset: commit.endOffset, epoch: commit.header.epoch,
        timestamp: commit.header.baseTimestamp, previousReceipt: commit.previousReceipt, receipt: receipt,
        position: metadata.position, streamTime: metadata.streamTime, outputsDigest: metadata.outputsDigest,
        laterFields: metadata.laterFields, byteCount: commit.header.totalBytes, records: commit.records))
  }

  /// The end of the last commit at or before a point of the history.
  ///
  /// Uses the indexes; for a time, reads at most one segment. If clocks went back, a time finds the commit in the last
  /// segment that began before it.
  public func end(at point: ChangelogPoint) throws(StoreError) -> Offset {
    let segments = try directory.segments()
    try checkNothingIsMissing(first: segments.first)
    guard let first = segments.first else { return .zero }
    let near: Offset
    switch point {
    case .offset(let offset): near = offset
    case .time(let time):
      var segment = segments.count - 1
      while segment > 0, try directory.firstTimestamp(ofSegment: segments[segment]).map({ $0 > time }) ?? true {
        segment -= 1
      }
      near = Offset(segments[segment])
    }
    var cursor = try LogCursor(directory, segments, near: near, windowBytes: 1 << 18)
    var tail = LogTail(log: self)
    var end = cursor.expected
    let last = writer?.endOffset
    while end < last ?? Offset(.max), try tail.advance(&cursor) {
      guard point.includes(end: cursor.expected, timestamp: cursor.batch.header.baseTimestamp) else { break }
      end = cursor.expected
    }
    if end.value == first, first > 0, point != .offset(end) {
      throw point.deletedError(end)
    }
    return end
  }

  /// The receipt of the commit that ends at `offset`; at the start of the log, the previous receipt of its first
  /// commit.
  ///
  /// Uses the index; reads at most one index interval and the commit.
  public func receipt(endingAt offset: Offset) throws(StoreError) -> Receipt? {
    let segments = try directory.segments()
    if offset == .zero, segments.first ?? 0 == 0 { return Receipt(startOf: identity) }
    if let writer, offset > writer.endOffset { return nil }
    if let first = segments.first, first == offset.value { return try receiptBeforeStart(segments) }
    return try lastCommit(endingAt: offset, segments)?.receipt
  }

  /// The previous receipt of the first commit, if earlier commits were deleted; `nil` if the log has no commit.
  private func receiptBeforeStart(_ segments: [Int64]) throws(StoreError) -> Receipt? {
    var cursor = try LogCursor(directory, segments, near: Offset(segments[0]), windowBytes: 1 << 15)
    var tail = LogTail(log: self)
    guard cursor.expected.value == segments[0], try tail.advance(&cursor) else { return nil }
    return (try? CommitBatch(cursor.batch))?.previousReceipt
  }

  /// Receipt and epoch of the commit that ends at `offset`; `nil` if none does.
  func lastCommit(
    endingAt offset: Offset, _ segments: [Int64]
  ) throws(StoreError) -> (receipt: Receipt, epoch: Int32)? {
    guard let cursor = try cursor(endingAt: offset, segments), let receipt = cursor.lastReceipt else { return nil }
    return (receipt, cursor.lastEpoch)
  }

  /// A cursor that has just read the commit that ends at `offset`; `nil` if none does.
  func cursor(endingAt offset: Offset, _ segments: [Int64]) throws(StoreError) -> LogCursor? {
    guard let first = segments.first, first < offset.value else { return nil }
    // Index entries have the last offset of a commit, not its end.
    var cursor = try LogCursor(directory, segments, near: offset.advanced(by: -1), windowBytes: 1 << 15)
    var tail = LogTail(log: self)
    while cursor.expected < offset {
      guard try tail.advance(&cursor, until: offset) else { return nil }
    }
    return cursor.expected == offset ? consume cursor : nil
  }

  /// The greatest offset that is durable according to the directory's files.
  func knownDurable(_ segments: [Int64], _ epochs: [EpochStart]? = nil) throws(StoreError) -> Offset {
    let recoveryPoint = try directory.recoveryPoint() ?? 0
    let lastStart = if let epochs { epochs.last?.startOffset } else { try directory.epochs().last?.startOffset }
    return Offset(max(recoveryPoint, lastStart ?? 0, segments.last ?? 0))
  }

  /// Throws unless the first segment starts at 0, or where earlier commits were deleted on purpose.
  func checkNothingIsMissing(first: Int64?) throws(StoreError) {
    let start = try directory.logStart() ?? 0
    let isKnownEmpty = first == nil ? try knownDurable([]) == .zero : false
    guard (first ?? 0) <= start, first != nil || isKnownEmpty else {
      throw StoreError(
        .corrupted, "segments are missing; restore them from a copy, or rebuild from a checkpoint",
        [
          "file": directory.path, "offset": start, "first segment": first.map { "\($0)" } ?? "none",
          "start recorded in": directory.logStartPath,
        ])
    }
  }

  func missingEnd(_ end: Offset, _ boundary: Offset, _ path: String) -> StoreError {
    var error = StoreError(
      .corrupted,
      "the end of the log is missing although it was durable; restore the file from a copy, or rebuild from a checkpoint",
      ["file": path, "offset": end, "durable offset": boundary])
    if let checkpoint = directory.checkpoint(ofDurable: boundary.value) {
      error.metadata.append(StoreError.Entry(name: "recorded in", value: checkpoint))
    }
    return error
  }
}

/// Moves a cursor through a log that may grow, and tells its end from damage.
struct LogTail {
  let log: FileLog
  private var looks = 0

  init(log: FileLog) { self.log = log }

  /// Goes to the next commit; `false` at the end of the log.
  ///
  /// A batch that isn't intact is read again: the writer may be writing it, or the log may have rolled. If it remains
  /// so, it is damage if data at or after it is known to be durable, else the end of the log.
  mutating func advance(_ cursor: inout LogCursor, until bound: Offset? = nil) throws(StoreError) -> Bool {
    looks = 0
    while true {
      switch try cursor.next() {
      case .commit: return true
      case .end:
        if looks > 0 || bound != nil { return false }
        looks += 1
        guard try cursor.refresh() else { return false }
      case .damaged(let reason):
        let expected = cursor.expected
        if looks >= 2 {
          throw log.damage(cursor.path, position: cursor.position, expected, reason)
        }
        if looks == 1 {
          let segments = try log.directory.segments()
          var known = max(try log.knownDurable(segments), cursor.carriedDurable)
          if let writer = log.writer { known = max(known, writer.endOffset) }
          let isTorn = try !log.mayHaveLaterDurable(cursor.path, from: cursor.position, expected)
          if known <= expected, isTorn { return false }
        }
        looks += 1
        _ = try cursor.refresh()
      }
    }
  }
}

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
