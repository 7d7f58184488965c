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
