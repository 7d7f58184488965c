/// The segment that a writer appends to.
final class ActiveSegment: Sendable {
  let base: Offset
  let path: String
  let file: any StorageFile
  let index: SegmentIndex

  init(base: Offset, path: String, file: any StorageFile, index: SegmentIndex) {
    self.base = base
    self.path = path
    self.file = file
    self.index = index
  }

  /// Creates an empty segment, whose name survives a loss of power.
  ///
  /// With `replacing`, it takes the place of an empty one, so that readers always find a file. After a throw there is
  /// no file of that name, or the one to be replaced, unless the error is `commitUnknown`.
  static func create(
    _ directory: LogDirectory, base: Offset, _ options: FileLogOptions, replacing: Bool = false
  ) throws(StoreError) -> ActiveSegment {
    let path = directory.path(base.value, "log")
    let temporary = path + ".tmp"
    guard let file = try directory.storage.open(replacing ? temporary : path, replacing ? .replace : .create) else {
      throw StoreError(.inputOutput, "a segment can't be created", ["file": path])
    }
    if replacing { try directory.storage.rename(temporary, to: path) }
    do throws(StoreError) {
      try directory.storage.syncDirectory(directory.path)
    } catch {
      // An empty segment that stays would hide what the one before is appended.
      do throws(StoreError) {
        try directory.storage.unlink(path)
        try directory.storage.syncDirectory(directory.path)
      } catch {
        throw StoreError(
          .commitUnknown, "a segment can't be taken back; reopen the store", ["file": path], cause: error)
      }
      throw error
    }
    let index = SegmentIndex(directory, base: base.value, intervalBytes: options.indexIntervalBytes)
    return ActiveSegment(base: base, path: path, file: file, index: index)
  }

  /// Up to how many bytes a segment is copied, so that a writer goes on in it.
  private static let copiedBytes = 64 << 10

  /// Opens a file for a writer that no other writer has open: a copy of the last segment if it is small, else an empty
  /// one.
  ///
  /// A deposed writer may still hold the former file. It appends to one without a name, or, in a segment that is left as it is,
  /// after the start of the next: nobody reads it either way. Since small segments are gone on in, there are as many as
  /// their bytes fill, however often the log is opened. Returns how many bytes of the segment are commits.
  static func open(
    _ directory: LogDirectory, after log: RecoveredLog, _ options: FileLogOptions
  ) throws(StoreError) -> (segment: ActiveSegment, byteCount: Int) {
    if let last = log.lastSegment, last.byteCount > 0, last.byteCount < min(copiedBytes, options.segmentBytes),
      log.endOffset.value - last.base < Int64(Int32.max),
      let copy = try copy(directory, ofSegment: last.base, byteCount: last.byteCount, log, options)
    {
      return (copy, last.byteCount)
    }
    return (try create(directory, base: log.endOffset, options, replacing: true), 0)
  }

  /// Replaces a segment, all of which is durable, by its copy; `nil` if it isn't intact.
  ///
  /// What lies below the recovery point wasn't checked by recovery. Damage stays where it is, for a reader to find.
  private static func copy(
    _ directory: LogDirectory, ofSegment base: Int64, byteCount: Int, _ log: RecoveredLog, _ options: FileLogOptions
  ) throws(StoreError) -> ActiveSegment? {
    let storage = directory.storage
    let path = directory.path(base, "log")
    let temporary = path + ".tmp"
    guard let former = try storage.open(path, .read) else { return nil }
    var window = FileWindow(byteCount)
    guard try window.load(0..<byteCount, of: former) else { return nil }
    let bytes = window.bytes(0..<byteCount)
    guard let batches = batches(of: bytes, base: Offset(base), log) else { return nil }
    guard let file = try storage.open(temporary, .replace) else {
      throw StoreError(.inputOutput, "a segment can't be created", ["file": temporary])
    }
    try file.writeAll(bytes, at: 0)
    try file.sync()
    try storage.rename(temporary, to: path)
    // Whichever of the two files a loss of power leaves: both hold the same commits, and are synced.
    try storage.syncDirectory(directory.path)
    let index = SegmentIndex(directory, base: base, intervalBytes: options.indexIntervalBytes)
    for batch in batches { index.add(batch.header, at: batch.position) }
    index.flush(closing: true)
    return ActiveSegment(base: Offset(base), path: path, file: file, index: index)
  }

  /// The batches of bytes that are commits, each of which follows the one before, up to the end of the log; else `nil`.
  private static func batches(
    of bytes: RawSpan, base: Offset, _ log: RecoveredLog
  ) -> [(header: RecordBatchHeader, position: Int)]? {
    var batches: [(header: RecordBatchHeader, position: Int)] = []
    var end = base
    var receipt: Receipt?
    var follows = true
    let (byteCount, _) = RecordBatch.forEach(in: bytes) { batch, position in
      guard let commit = try? CommitBatch(batch), commit.baseOffset == end,
        receipt == nil || receipt == commit.previousReceipt
      else {
        follows = false
        return
      }
      end = commit.endOffset
      receipt = commit.receipt
      batches.append((commit.header, position))
    }
    let isWhole = follows && byteCount == bytes.byteCount && end == log.endOffset && receipt == log.lastReceipt
    return isWhole ? batches : nil
  }
}
