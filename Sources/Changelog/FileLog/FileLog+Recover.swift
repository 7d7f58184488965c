/// What a writer starts from.
struct RecoveredLog {
  var endOffset: Offset
  var lastReceipt: Receipt
  /// The epoch of the last batch, -1 without one.
  var lastEpoch: Int32
  /// The recovery point as it was found.
  var recoveryPoint: Int64?
  /// The last segment, and how many bytes of it are commits; `nil` if there is none.
  var lastSegment: (base: Int64, byteCount: Int)?
  var report: LogRecovery
}

extension FileLog {
  /// How many segments below the recovery point are looked at when a writer opens.
  ///
  /// Those before were looked at when they were among the last. What is missing or damaged there is found when it is read.
  private static var probedSegments: Int { 2 }

  /// Checks the log from its recovery point on, cuts a torn end, and makes the rest durable.
  ///
  /// Besides one listing of the directory, it takes the same time however many segments there are. Called under the lock.
  func recover(_ epochs: [EpochStart]) throws(StoreError) -> RecoveredLog {
    let files = try directory.files()
    let segments = files.segments
    let boundary = try knownDurable(segments, epochs)
    try checkNothingIsMissing(first: segments.first)
    guard let first = segments.first else {
      let path = directory.path(0, "log")
      return RecoveredLog(
        endOffset: .zero, lastReceipt: Receipt(startOf: identity), lastEpoch: -1,
        report: LogRecovery(file: path, endOffset: .zero, cutBytes: 0, reason: nil, scannedBytes: 0, segments: 0))
    }
    try checkStart(segments)
    let recoveryPoint = try directory.recoveryPoint()
    let start = Offset(max(first, recoveryPoint ?? 0))
    var cursor = try LogCursor(directory, segments, near: start, windowBytes: 1 << 20)
    let below = segments.prefix { $0 <= start.value }.suffix(Self.probedSegments + 1)
    for (former, base) in zip(below, below.dropFirst()) {
      // What lies below the recovery point isn't scanned, but must be there.
      if try directory.hasBatch(endingAt: base, inSegment: former) { continue }
      try checkSegment(former, to: base)
      // It was the index that led astray.
      _ = try directory.buildIndex(ofSegment: former, limit: base, intervalBytes: options.indexIntervalBytes)
    }
    try tieToCommitBefore(&cursor, segments)
    if cursor.expected == .zero { cursor.follow(Receipt(startOf: identity), epoch: -1) }

    let scannedFrom = (segment: cursor.segment, position: cursor.position)
    var scannedBytes = 0
    var reason: String?
    scan: while true {
      switch try cursor.next() {
      case .commit: scannedBytes += cursor.batch.header.totalBytes
      case .end: break scan
      case .damaged(let what):
        reason = what
        break scan
      }
    }
    let end = cursor.expected
    let known = max(boundary, cursor.carriedDurable)
    if let reason {
      try checkMayBeCut(cursor.path, cursor.position, end, reason, known: known, isLast: cursor.isInLastSegment)
    }
    if end < known { throw missingEnd(end, known, cursor.path) }
    try checkIndexesHaveSegments(files, end: end)

    // Before anything is changed.
    try checkOffset(end, cursor.path)
    _ = try directory.epoch(after: cursor.lastEpoch, cursor.path, epochs)

    var lastReceipt = cursor.lastReceipt
    if lastReceipt == nil { lastReceipt = try receipt(endingAt: end) }
    guard let lastReceipt else { throw missingEnd(end, known, cursor.path) }
    let tailStart = cursor.segment == scannedFrom.segment ? scannedFrom.position : 0
    let isDurable = reason == nil && end <= known
    let cutBytes = isDurable ? 0 : try makeDurable(cursor.path, from: tailStart, to: cursor.position)
    try repairIndexes(files, end: end)
    return RecoveredLog(
      endOffset: end, lastReceipt: lastReceipt, lastEpoch: cursor.lastEpoch, recoveryPoint: recoveryPoint,
      lastSegment: (cursor.segment, cursor.position),
      report: LogRecovery(
        file: cursor.path, endOffset: end, cutBytes: cutBytes, reason: reason, scannedBytes: scannedBytes,
        segments: segments.count))
  }

  /// Tells a cursor which commit is before its first one, if there is one, so that it sees whether that follows.
  func tieToCommitBefore(_ cursor: inout LogCursor, _ segments: [Int64]) throws(StoreError) {
    guard let last = try lastCommit(endingAt: cursor.expected, segments) else { return }
    cursor.follow(last.receipt, epoch: last.epoch)
  }

  /// Throws `corrupted`, saying where, unless a segment is intact up to where the next begins.
  private func checkSegment(_ base: Int64, to limit: Int64) throws(StoreError) {
    let path = directory.path(base, "log")
    guard let file = try directory.storage.open(path, .read) else {
      throw StoreError(.corrupted, "a segment is gone; restore it from a copy", ["file": path])
    }
    var scanner = SegmentScanner(file, path)
    var end = base
    while true {
      let step = try scanner.next()
      if case .damaged(let reason) = step { throw damage(path, position: scanner.position, Offset(end), reason) }
      if case .end = step, end == limit { return }
      guard case .batch = step, scanner.batch.header.baseOffset == end, scanner.batch.header.endOffset <= limit else {
        throw damage(
          path, position: scanner.position, Offset(end), "no commit follows, and the next segment starts at \(limit)")
      }
      end = scanner.batch.header.endOffset
    }
  }

  /// Throws `wrongChangelog` if the first commit of an uncut log follows another identity.
  private func checkStart(_ segments: [Int64]) throws(StoreError) {
    guard segments.first == 0 else { return }
    let path = directory.path(0, "log")
    guard let file = try directory.storage.open(path, .read) else { return }
    var scanner = SegmentScanner(file, path, windowBytes: 1 << 15)
    guard case .batch = try scanner.next(), let commit = try? CommitBatch(scanner.batch) else { return }
    guard commit.baseOffset != .zero || commit.previousReceipt == Receipt(startOf: identity) else {
      throw StoreError(
        .wrongChangelog, "the segments belong to another changelog than the directory's metadata says",
        ["file": path, "identity": identity])
    }
  }

  /// Throws `corrupted` if the log may not be cut where the first bad batch is.
  private func checkMayBeCut(
    _ path: String, _ position: Int, _ offset: Offset, _ reason: String, known: Offset, isLast: Bool
  ) throws(StoreError) {
    guard isLast, known <= offset, try !mayHaveLaterDurable(path, from: position, offset) else {
      throw damage(path, position: position, offset, reason)
    }
    // A torn first batch starts with its own offset, or with zeros where nothing was written yet.
    guard position == 0, let file = try directory.storage.open(path, .read) else { return }
    var window = FileWindow(1 << 12)
    guard try window.load(0..<8, of: file) else { return }
    var reader = ByteReader(window.bytes(0..<8))
    let base = reader.integer(Int64.self)
    if base != offset.value, base != 0 {
      throw damage(path, position: 0, offset, "the file doesn't start like a segment")
    }
  }

  /// Cuts the last segment behind its last intact commit, and makes what is left survive a loss of power.
  ///
  /// The bytes that may not be durable are written again first: an earlier failed sync may have left them in memory,
  /// marked as clean.
  private func makeDurable(_ path: String, from start: Int, to end: Int) throws(StoreError) -> Int {
    guard let file = try directory.storage.open(path, .readWrite) else {
      throw StoreError(.corrupted, "a segment is gone; restore it from a copy", ["file": path])
    }
    let size = try file.size()
    if size > end { try file.truncate(to: end) }
    var window = FileWindow(1 << 20)
    var position = start
    while position < end {
      let next = min(end, position + 1 << 20)
      guard try window.load(position..<next, of: file) else {
        throw StoreError(.inputOutput, "a segment became shorter while it was read", ["file": path])
      }
      try file.writeAll(window.bytes(position..<next), at: position)
      position = next
    }
    try file.sync()
    try directory.storage.syncDirectory(directory.path)
    return size - end
  }

  /// Throws `corrupted` if there is an index of a segment that is gone.
  ///
  /// A segment's file is made, and its name synced, before its indexes. Only a deletion removes it before them, and that
  /// records the start of the log first.
  private func checkIndexesHaveSegments(_ files: LogFiles, end: Offset) throws(StoreError) {
    guard let first = files.segments.first else { return }
    let start = max(first, try directory.logStart() ?? 0)
    let orphans = files.indexes.union(files.timeIndexes).subtracting(files.segments)
    guard let lost = orphans.filter({ start <= $0 && $0 < end.value }).min() else { return }
    throw StoreError(
      .corrupted, "a segment is gone, but its index is there; restore the segment from a copy",
      ["file": directory.path(lost, "log"), "offset": lost])
  }

  /// Builds indexes that are missing, or can't be right where it was written last, and removes those without a segment.
  private func repairIndexes(_ files: LogFiles, end: Offset) throws(StoreError) {
    let segments = files.segments
    for (place, base) in segments.enumerated() where base < end.value {
      let isRecent = place + Self.probedSegments >= segments.count
      let isThere = files.indexes.contains(base) && files.timeIndexes.contains(base)
      if isThere, !isRecent { continue }
      if isThere, try directory.isIndexPlausible(ofSegment: base) { continue }
      let limit = place + 1 < segments.count ? segments[place + 1] : nil
      _ = try directory.buildIndex(ofSegment: base, limit: limit, intervalBytes: options.indexIntervalBytes)
    }
    for orphan in files.indexes.subtracting(segments) { try directory.storage.unlink(directory.path(orphan, "index")) }
    for orphan in files.timeIndexes.subtracting(segments) {
      try directory.storage.unlink(directory.path(orphan, "timeindex"))
    }
    for name in files.temporaries { try directory.storage.unlink(directory.path + "/" + name) }
  }

  func damage(_ path: String, position: Int, _ offset: Offset, _ reason: String) -> StoreError {
    StoreError(
      .corrupted,
      "a segment is damaged below what is known to be durable; restore the file from a copy, or rebuild from a checkpoint",
      ["file": path, "position": position, "offset": offset, "reason": reason])
  }
}
