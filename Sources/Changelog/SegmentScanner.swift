internal import Glibc

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
  private let file: any StorageFile
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
  mutating func reread(at position: Int) {
    nextPosition = position
    window.forget()
  }
}

/// A piece of a file in memory.
@safe
struct FileWindow: ~Copyable {
  private var base: UnsafeMutableRawPointer
  private var capacity: Int
  private let chunkBytes: Int
  private var start = 0
  private var count = 0

  init(_ chunkBytes: Int) {
    self.chunkBytes = chunkBytes
    capacity = chunkBytes
    unsafe base = malloc(chunkBytes)!
  }

  deinit { unsafe free(base) }

  /// After the last byte in memory, as a position in the file.
  var end: Int { start + count }

  mutating func forget() { count = 0 }

  /// Brings a range of the file into memory; `false` if the file ends before, with what there is in memory.
  mutating func load(_ range: Range<Int>, of file: any StorageFile) throws(StoreError) -> Bool {
    if start <= range.lowerBound, range.upperBound <= end { return true }
    if range.count > capacity {
      // A length that a damaged header claims must not decide what is allocated.
      guard try file.size() >= range.upperBound else { return false }
      capacity = max(range.count, chunkBytes)
      unsafe base = realloc(base, capacity)!
    }
    if start <= range.lowerBound, range.lowerBound <= end {
      let dropped = range.lowerBound - start
      // Proof: both ranges lie within the `count` bytes in memory.
      unsafe base.copyMemory(from: base + dropped, byteCount: count - dropped)
      count -= dropped
    } else {
      count = 0
    }
    start = range.lowerBound
    // Proof: `count` never exceeds `capacity`.
    let room = unsafe UnsafeMutableRawBufferPointer(start: base + count, count: capacity - count)
    count += unsafe try file.read(into: room, at: start + count)
    return range.upperBound <= end
  }

  /// Bytes that were loaded.
  @_lifetime(borrow self)
  func bytes(_ range: Range<Int>) -> RawSpan {
    precondition(start <= range.lowerBound && range.upperBound <= end)
    // Proof: the range lies within the bytes in memory, which live and stay while `self` is borrowed.
    let span = unsafe RawSpan(_unsafeStart: base + (range.lowerBound - start), byteCount: range.count)
    return unsafe _overrideLifetime(span, borrowing: self)
  }
}
