internal import Glibc

/// Goes through the commits of a log across segments, checking that each follows the one before.
struct LogCursor: ~Copyable {
  enum Step {
    /// ``LogCursor/commit`` is the next one.
    case commit
    /// Nothing follows.
    case end
    /// What follows isn't the next commit.
    case damaged(String)
  }

  let directory: LogDirectory
  private(set) var segments: [Int64]
  /// The offset at which the next commit must start.
  private(set) var expected: Offset
  /// Where that is in its file.
  private(set) var position: Int
  /// The receipt of the commit before, once it is known.
  private(set) var lastReceipt: Receipt?
  private(set) var lastEpoch: Int32 = -1
  /// The greatest offset that commits given so far say is durable.
  private(set) var carriedDurable = Offset.zero
  private var current: Int
  private var scanner: SegmentScanner

  /// Starts at the last indexed batch at or before `start`, in the last segment that doesn't start after it.
  init(_ directory: LogDirectory, _ segments: [Int64], near start: Offset, windowBytes: Int) throws(StoreError) {
    let current = segments.lastIndex { $0 <= start.value } ?? 0
    let base = segments[current]
    let found = try directory.lookUp(start.value, inSegment: base)
    let scanner = try Self.scanner(directory, base, at: found.position, windowBytes)
    self.directory = directory
    self.segments = segments
    self.current = current
    expected = Offset(found.baseOffset)
    position = found.position
    self.scanner = scanner
  }

  var path: String { scanner.path }
  var segment: Int64 { segments[current] }
  var isInLastSegment: Bool { current + 1 == segments.count }
  private var limit: Int64? { isInLastSegment ? nil : segments[current + 1] }

  /// The commit that ``next()`` found; it was decoded there, so it decodes.
  var batch: RecordBatch {
    @_lifetime(borrow self) get { scanner.batch }
  }

  /// Says which commit the next one must follow.
  mutating func follow(_ receipt: Receipt, epoch: Int32) {
    lastReceipt = receipt
    lastEpoch = epoch
  }

  mutating func next() throws(StoreError) -> Step {
    while let limit, expected.value == limit {
      current += 1
      position = 0
      scanner = try Self.scanner(directory, segments[current], at: 0, 1 << 18)
    }
    switch try scanner.next() {
    case .end: return limit == nil ? .end : .damaged("the segment ends before the next one starts")
    case .damaged(let reason): return .damaged(reason)
    case .batch: break
    }
    do throws(CommitBatch.Fault) {
      let commit = try CommitBatch(scanner.batch)
      if commit.baseOffset != expected { return .damaged("the batch doesn't start where the one before ends") }
      if let limit, commit.endOffset.value > limit { return .damaged("the batch reaches into the next segment") }
      if let lastReceipt, commit.previousReceipt != lastReceipt {
        return .damaged("the batch follows another one than the one before")
      }
      if commit.header.epoch < lastEpoch { return .damaged("the batch's epoch is below the one before") }
      expected = commit.endOffset
      lastReceipt = commit.receipt
      lastEpoch = commit.header.epoch
      carriedDurable = max(carriedDurable, commit.durableOffset)
      position = scanner.position + commit.header.totalBytes
      return .commit
    } catch {
      switch error {
      case .damaged(let reason): return .damaged(reason)
      case .unsupported(let what):
        throw StoreError(
          .unsupported, "the file has contents that this version doesn't know: \(what); open it with a newer Tidemark",
          ["file": scanner.path, "position": scanner.position, "offset": expected])
      }
    }
  }

  /// Looks at the directory and the file again; the next ``next()`` sees what was appended or rolled meanwhile.
  ///
  /// The file is opened anew: a writer that took over goes on in a copy, and what a deposed one appends to the former file
  /// doesn't count.
  /// Returns whether there are other segments than before.
  mutating func refresh() throws(StoreError) -> Bool {
    let base = segments[current]
    let found = try directory.segments()
    let changed = found != segments
    segments = found.filter { $0 <= base } + found.filter { $0 > base }
    if let place = segments.firstIndex(of: base) {
      current = place
    } else {
      // Deleted meanwhile; the open file can still be read to its end.
      segments = [base] + found.filter { $0 > base }
      current = 0
    }
    if let file = try directory.storage.open(scanner.path, .read) {
      scanner.reread(at: position, of: file)
    } else {
      scanner.reread(at: position)
    }
    return changed
  }

  private static func scanner(
    _ directory: LogDirectory, _ base: Int64, at position: Int, _ windowBytes: Int
  ) throws(StoreError) -> SegmentScanner {
    let path = directory.path(base, "log")
    guard let file = try directory.storage.open(path, .read) else { throw missing(path, base) }
    return SegmentScanner(file, path, at: position, windowBytes: windowBytes)
  }

  private static func missing(_ path: String, _ base: Int64) -> StoreError {
    StoreError(
      .invalidArgument,
      "the commits were deleted while they were read; read from the start of the log, or a checkpoint",
      ["file": path, "offset": base])
  }
}

/// Reads the batches of a segment one after the other, through a window that moves over the file.
struct SegmentScanner: ~Copyable {
  enum Step {
    /// ``SegmentScanner/batch`` is the next one.
    case batch
    /// The file ends here.
    case end
    /// What follows isn't an intact batch.
    case damaged(String)
  }

  let path: String
  /// Where the batch, or what isn't one, starts.
  private(set) var position: Int
  private var file: any StorageFile
  private var nextPosition: Int
  private var window: FileWindow

  init(_ file: any StorageFile, _ path: String, at position: Int = 0, windowBytes: Int = 1 << 18) {
    self.file = file
    self.path = path
    self.position = position
    nextPosition = position
    window = FileWindow(windowBytes)
  }

  /// The batch that ``next()`` found.
  var batch: RecordBatch {
    @_lifetime(borrow self)
    get { RecordBatch(verified: window.bytes(position..<nextPosition)) }
  }

  mutating func next() throws(StoreError) -> Step {
    position = nextPosition
    guard try window.load(position..<position + RecordBatchHeader.byteCount, of: file) else {
      return window.end <= position ? .end : .damaged("the file ends inside a batch")
    }
    guard let header = RecordBatchHeader(window.bytes(position..<position + RecordBatchHeader.byteCount)) else {
      return .damaged("the file ends inside a batch")
    }
    if let reason = header.implausibility { return .damaged(reason) }
    let end = position + header.totalBytes
    guard try window.load(position..<end, of: file) else { return .damaged("the file ends inside a batch") }
    do throws(RecordBatch.Damage) {
      _ = try RecordBatch(startOf: window.bytes(position..<end))
    } catch {
      return .damaged(error.reason)
    }
    nextPosition = end
    return .batch
  }

  /// Forgets what was read ahead, so that ``next()`` looks at `position` of the file as it is by then.
  ///
  /// With `file`, in another file of that name, which has the same bytes below.
  mutating func reread(at position: Int, of file: (any StorageFile)? = nil) {
    if let file { self.file = file }
    nextPosition = position
    window.forget()
  }
}
