/// Writes a segment's two indexes, some entries at a time.
///
/// They are derived data: if they can't be written, no error is reported, and they are rebuilt at the next opening.
final class SegmentIndex: Sendable {
  private struct State: ~Copyable {
    var offsets: (any StorageFile)?
    var times: (any StorageFile)?
    var offsetBytes = 0
    var timeBytes = 0
    var pendingOffsets = ByteWriter(capacity: SegmentIndex.bufferBytes + 64)
    var pendingTimes = ByteWriter(capacity: SegmentIndex.bufferBytes + 64)
    var bytesSinceEntry = 0
    var greatestTimestamp = Timestamp.min
    var offsetOfGreatest: Int64 = 0
    var lastTimestamp = Timestamp.min
  }

  static let entryBytes = 8
  private static let bufferBytes = 4096

  private let base: Int64
  private let intervalBytes: Int
  private let state: Mutex<State>

  /// Starts empty indexes.
  init(_ directory: LogDirectory, base: Int64, intervalBytes: Int) {
    self.base = base
    self.intervalBytes = intervalBytes
    var state = State()
    // Other files than those that a deposed writer may still hold.
    for suffix in ["index", "timeindex"] { try? directory.storage.unlink(directory.path(base, suffix)) }
    state.offsets = try? directory.storage.open(directory.path(base, "index"), .replace)
    state.times = try? directory.storage.open(directory.path(base, "timeindex"), .replace)
    self.state = Mutex(state)
  }

  /// Notes a batch of the segment.
  func add(_ header: RecordBatchHeader, at position: Int) {
    add(
      lastOffset: header.endOffset - 1, position: position, byteCount: header.totalBytes, timestamp: header.maxTimestamp
    )
  }

  /// Notes an appended batch.
  func add(lastOffset: Int64, position: Int, byteCount: Int, timestamp: Timestamp) {
    state.withLock { state in
      if timestamp > state.greatestTimestamp {
        state.greatestTimestamp = timestamp
        state.offsetOfGreatest = lastOffset
      }
      if state.bytesSinceEntry > intervalBytes {
        state.pendingOffsets.append(bigEndian: Int32(clamping: lastOffset - base))
        state.pendingOffsets.append(bigEndian: Int32(clamping: position))
        addTime(to: &state)
        state.bytesSinceEntry = 0
        if state.pendingOffsets.count >= Self.bufferBytes { flush(&state) }
      }
      state.bytesSinceEntry += byteCount
    }
  }

  /// Writes the entries that wait; at the end of a segment the greatest timestamp as well.
  func flush(closing: Bool = false) {
    state.withLock { state in
      if closing { addTime(to: &state) }
      flush(&state)
    }
  }

  private func addTime(to state: inout State) {
    guard state.greatestTimestamp > state.lastTimestamp else { return }
    state.lastTimestamp = state.greatestTimestamp
    state.pendingTimes.append(bigEndian: state.greatestTimestamp)
    state.pendingTimes.append(bigEndian: Int32(clamping: state.offsetOfGreatest - base))
  }

  private func flush(_ state: inout State) {
    do throws(StoreError) {
      try state.offsets?.writeAll(state.pendingOffsets.bytes, at: state.offsetBytes)
      try state.times?.writeAll(state.pendingTimes.bytes, at: state.timeBytes)
      state.offsetBytes += state.pendingOffsets.count
      state.timeBytes += state.pendingTimes.count
    } catch {
      state.offsets = nil
      state.times = nil
    }
    state.pendingOffsets.removeAll()
    state.pendingTimes.removeAll()
  }
}

extension LogDirectory {
  /// Where to start looking for `offset` in a segment: the batch of the last index entry that isn't beyond it, if that
  /// batch's header is what the entry says, else the start of the segment.
  func lookUp(_ offset: Int64, inSegment base: Int64) throws(StoreError) -> (position: Int, baseOffset: Int64) {
    let start = (position: 0, baseOffset: base)
    guard let index = try storage.open(path(base, "index"), .read) else { return start }
    let count = try index.size() / SegmentIndex.entryBytes
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      guard let entry = try indexEntry(middle, of: index) else { return start }
      // A difference, which is always a number: a segment may claim to start at the greatest offset of all.
      if Int64(entry.offset) <= offset - base { low = middle + 1 } else { high = middle }
    }
    guard low > 0, let entry = try indexEntry(low - 1, of: index), entry.position > 0, entry.offset >= 0 else {
      return start
    }
    return try verified(entry, inSegment: base) ?? start
  }

  /// Whether the index of a segment can be what was written, and doesn't leave too much of the segment out.
  func isIndexPlausible(ofSegment base: Int64) throws(StoreError) -> Bool {
    guard let log = try storage.open(path(base, "log"), .read) else { return true }
    guard let index = try storage.open(path(base, "index"), .read),
      try storage.open(path(base, "timeindex"), .read) != nil
    else { return false }
    let size = try index.size()
    guard size % SegmentIndex.entryBytes == 0 else { return false }
    let unindexedBytes = 4 << 20
    guard size > 0 else { return try log.size() <= unindexedBytes }
    guard let entry = try indexEntry(size / SegmentIndex.entryBytes - 1, of: index),
      try verified(entry, inSegment: base) != nil
    else { return false }
    return try log.size() - Int(entry.position) <= unindexedBytes
  }

  /// Builds the indexes of a segment from its batches, up to the next segment's start.
  func buildIndex(ofSegment base: Int64, limit: Int64?, intervalBytes: Int) throws(StoreError) -> SegmentIndex {
    let index = SegmentIndex(self, base: base, intervalBytes: intervalBytes)
    guard let log = try storage.open(path(base, "log"), .read) else { return index }
    var scanner = SegmentScanner(log, path(base, "log"))
    while case .batch = try scanner.next() {
      let header = scanner.batch.header
      if let limit, header.baseOffset >= limit { break }
      index.add(header, at: scanner.position)
    }
    index.flush(closing: true)
    return index
  }

  private func verified(
    _ entry: (offset: Int32, position: Int32), inSegment base: Int64
  ) throws(StoreError) -> (position: Int, baseOffset: Int64)? {
    guard entry.position > 0, let log = try storage.open(path(base, "log"), .read) else { return nil }
    var window = FileWindow(RecordBatchHeader.byteCount)
    guard let header = try header(at: Int(entry.position), of: log, &window),
      header.endOffset - 1 - base == Int64(entry.offset), header.baseOffset >= base
    else { return nil }
    return (Int(entry.position), header.baseOffset)
  }

  /// When the first batch of a segment was appended; `nil` if it has none.
  func firstTimestamp(ofSegment base: Int64) throws(StoreError) -> Timestamp? {
    guard let log = try storage.open(path(base, "log"), .read) else { return nil }
    var window = FileWindow(RecordBatchHeader.byteCount)
    return try header(at: 0, of: log, &window)?.baseTimestamp
  }

  private func header(
    at position: Int, of log: any StorageFile, _ window: inout FileWindow
  ) throws(StoreError) -> RecordBatchHeader? {
    let range = position..<position + RecordBatchHeader.byteCount
    guard try window.load(range, of: log), let header = RecordBatchHeader(window.bytes(range)) else { return nil }
    return header.implausibility == nil ? header : nil
  }

  /// Whether a batch of a segment ends at `offset`, by the headers behind the last index entry: what opening looks at in
  /// each segment, however large commits are.
  func hasBatch(endingAt offset: Int64, inSegment base: Int64) throws(StoreError) -> Bool {
    guard let log = try storage.open(path(base, "log"), .read) else { return false }
    var position = try lookUp(offset - 1, inSegment: base).position
    var window = FileWindow(1 << 12)
    var expected: Int64?
    while let header = try header(at: position, of: log, &window), header.baseOffset == expected ?? header.baseOffset {
      position += header.totalBytes
      expected = header.endOffset
      if header.endOffset < offset { continue }
      let size = try log.size()
      return header.endOffset == offset && position <= size
    }
    return false
  }

  private func indexEntry(
    _ number: Int, of index: any StorageFile
  ) throws(StoreError) -> (offset: Int32, position: Int32)? {
    var buffer = ByteWriter(capacity: 16)
    unsafe try buffer.append(upTo: SegmentIndex.entryBytes) { (room) throws(StoreError) in
      unsafe try index.read(
        into: UnsafeMutableRawBufferPointer(rebasing: room[..<SegmentIndex.entryBytes]),
        at: number * SegmentIndex.entryBytes)
    }
    var reader = ByteReader(buffer.bytes)
    guard let offset = reader.integer(Int32.self), let position = reader.integer(Int32.self) else { return nil }
    return (offset, position)
  }
}
