extension FileLog {
  /// Copies commits to a log in another directory, exactly: same identity, offsets, epochs and receipts.
  ///
  /// Each commit is checked on the way: its checksum, and that its receipt follows from the one before. The log may be
  /// appended to meanwhile. The copy lies in `<topic>-<partition>.partial` until it is whole and durable; what a crash or an
  /// error interrupts begins anew. Stores of this log can be opened with the copy. Write to one of both only: two logs with
  /// one identity and different commits are told apart by their receipts, when it is too late.
  ///
  /// - Parameters:
  ///   - parent: the directory to make it in, as for ``open(_:_:options:)``.
  ///   - start: where the first commit starts; without it, the start of the log.
  ///   - end: where the last commit ends, which must be durable; without it, the end of what is known to be durable.
  ///   - progress: called after each commit; where it throws, the copy ends with `cancelled`.
  /// - Returns: the copy.
  /// - Throws: `invalidArgument` if no commit starts or ends at the offsets, if the end isn't durable, or if the directory is
  ///   there already; `corrupted` if a commit is damaged; `locked` while another makes the same copy.
  public func copy(
    to parent: String, from start: Offset? = nil, upTo end: Offset? = nil,
    progress: (CopyProgress) throws -> Void = { _ in }
  ) throws(StoreError) -> FileLog {
    try checkIsFree("\(parent)/\(identity.topicPartition)")
    let status = try offsets()
    let (start, end) = (start ?? status.start, end ?? status.durable)
    guard end <= status.durable else {
      throw StoreError(
        .invalidArgument, "only commits that are known to be durable can be copied",
        ["end": end, "durable": status.durable])
    }
    guard start <= end, let total = try byteCount(from: start, to: end) else {
      throw StoreError(
        .invalidArgument, "no commit of the log starts or ends at the offset",
        ["start": start, "end": end, "start of the log": status.start])
    }
    let storage = directory.storage
    try Self.makeWhole(parent, identity.topicPartition, storage) { (partial) throws(StoreError) in
      var step = CopyProgress(offset: start, endOffset: end, totalBytes: total)
      try copySegments(&step, to: partial, progress)
      if start > .zero { try partial.recordLogStart(start.value) }
      let epochs = try directory.epochs().filter { $0.startOffset <= end.value }
      if let last = epochs.last { try partial.record(last, after: epochs.dropLast()) }
      try partial.recordRecoveryPoint(end.value)
      try storage.copy(directory.metadataPath, to: partial.metadataPath)
      try storage.syncDirectory(partial.path)
    }
    return try FileLog.open(parent, identity.topicPartition, options: options, storage: storage)
  }

  /// Copies the batches; segments begin where they do in this log.
  private func copySegments(
    _ step: inout CopyProgress, to partial: LogDirectory, _ progress: (CopyProgress) throws -> Void
  ) throws(StoreError) {
    guard step.offset < step.endOffset else { return }
    let segments = try directory.segments()
    var cursor = try LogCursor(directory, segments, near: step.offset, windowBytes: 1 << 18)
    try tieToCommitBefore(&cursor, segments)
    if cursor.expected == .zero { cursor.follow(Receipt(startOf: identity), epoch: -1) }
    var tail = LogTail(log: self)
    while cursor.expected < step.offset {
      guard try tail.advance(&cursor) else { throw endedEarly(cursor.expected, step.endOffset) }
    }
    var copy: SegmentCopy?
    var former: Int64?
    while cursor.expected < step.endOffset {
      let base = cursor.expected
      guard try tail.advance(&cursor) else { throw endedEarly(base, step.endOffset) }
      if former != cursor.segment {
        try copy?.finish()
        copy = try SegmentCopy(partial, base: base.value, options)
        former = cursor.segment
      }
      try copy?.append(cursor.batch)
      step.offset = cursor.expected
      step.commits += 1
      step.bytes += cursor.batch.header.totalBytes
      try step.report(orCancelFor: progress)
    }
    try copy?.finish()
  }

  private func endedEarly(_ offset: Offset, _ end: Offset) -> StoreError {
    StoreError(
      .invalidArgument, "the commits were deleted, or the log was replaced, while it was copied",
      ["file": directory.path, "offset": offset, "end": end])
  }
}

/// A segment that batches of another log are written to.
private struct SegmentCopy {
  let file: any StorageFile
  let index: SegmentIndex
  var position = 0

  init(_ directory: LogDirectory, base: Int64, _ options: FileLogOptions) throws(StoreError) {
    let path = directory.path(base, "log")
    guard let file = try directory.storage.open(path, .create) else {
      throw StoreError(.inputOutput, "a segment can't be created", ["file": path])
    }
    self.file = file
    index = SegmentIndex(directory, base: base, intervalBytes: options.indexIntervalBytes)
  }

  mutating func append(_ batch: RecordBatch) throws(StoreError) {
    try file.writeAll(batch.bytes, at: position)
    index.add(
      lastOffset: batch.header.endOffset - 1, position: position, byteCount: batch.header.totalBytes,
      timestamp: batch.header.maxTimestamp)
    position += batch.header.totalBytes
  }

  func finish() throws(StoreError) {
    try file.sync()
    index.flush(closing: true)
  }
}
