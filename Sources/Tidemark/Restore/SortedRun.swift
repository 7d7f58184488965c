// A sorted run: the net changes of a part of a changelog, by table and key, one for each key. Integers are big-endian,
// or varints (LEB128).
//
// | part | content |
// |---|---|
// | blocks | each of one table: uint32 length of the records, uint32 CRC-32C of them, records |
// | record | varint length of the key; varint length of the value + 1, or 0 for a deletion; key; value |
// | index | int64 start offset, uint64 receipt there; varint length of the state behind the run, and the state as in `offsets`; varint number of records; of each block: varint table, varint length of the block, varint length of its first key, and that |
// | footer | uint32 length of the index, uint32 CRC-32C of it, "TIDERUN1" |

internal import Changelog

/// A sorted run in a file.
struct SortedRun: Sendable {
  static let headerBytes = 8
  fileprivate static let footerBytes = 16
  fileprivate static let magic: UInt64 = 0x5449_4445_5255_4E31
  /// From how many bytes on a block of a run of so many ends.
  ///
  /// Blocks that reach beyond a merged part are read for both, so those of small runs, of which there are many, are small.
  static func blockBytes(ofRun byteCount: Int) -> Int { min(max(byteCount / 1024, 4 << 10), 64 << 10) }

  /// A block, and where it lies.
  struct Block {
    let table: TableID
    let position: Int
    let byteCount: Int
    let firstKey: [UInt8]
  }

  let path: String
  let file: any StorageFile
  /// The commit that it begins behind.
  let startOffset: Offset
  let startReceipt: Receipt
  /// The commit that it ends with.
  let end: CommittedState
  let recordCount: Int
  let blocks: [Block]
  /// The file's size.
  let byteCount: Int
  /// What a cursor takes.
  let greatestBlockBytes: Int

  /// Opens a run; `nil` if there is no file, or not a whole one: what was being written when a process died.
  init?(_ path: String, _ storage: any Storage) throws(StoreError) {
    guard let file = try storage.open(path, .read) else { return nil }
    let size = try file.size()
    guard size >= Self.footerBytes else { return nil }
    let footer = try file.bytes(size - Self.footerBytes..<size)
    var fields = ByteReader(footer.rawSpan)
    guard let count = fields.integer(UInt32.self), let checksum = fields.integer(UInt32.self),
      fields.integer(UInt64.self) == Self.magic, Int(count) <= size - Self.footerBytes
    else { return nil }
    let indexStart = size - Self.footerBytes - Int(count)
    let index = try file.bytes(indexStart..<size - Self.footerBytes)
    guard crc32c(0, index.rawSpan) == checksum else { return nil }
    var reader = ByteReader(index.rawSpan)
    guard let offset = reader.integer(Int64.self), let receipt = reader.integer(UInt64.self),
      let stateCount = reader.varint(), let stateBytes = reader.take(Int(clamping: stateCount)),
      let state = OffsetsFamily.decodeCommit(stateBytes), let records = reader.varint()
    else { return nil }
    var blocks: [Block] = []
    var position = 0
    while reader.remaining > 0 {
      guard let table = reader.varint(), table <= UInt64(UInt32.max), let byteCount = reader.varint(),
        byteCount >= UInt64(Self.headerBytes), byteCount <= UInt64(indexStart - position),
        let keyCount = reader.varint(), let key = reader.take(Int(clamping: keyCount))
      else { return nil }
      blocks.append(
        Block(
          table: TableID(UInt32(table)), position: position, byteCount: Int(byteCount), firstKey: key.array))
      position += Int(byteCount)
    }
    guard position == indexStart else { return nil }
    self.path = path
    self.file = file
    byteCount = size
    startOffset = Offset(offset)
    startReceipt = Receipt(receipt)
    end = state
    recordCount = Int(clamping: records)
    self.blocks = blocks
    greatestBlockBytes = blocks.reduce(0) { max($0, $1.byteCount) }
  }

  fileprivate static func checksum(ofBlock bytes: RawSpan) -> UInt32 { crc32c(0, bytes.extracting(headerBytes...)) }

  /// The blocks of a table that may have keys of a range.
  func blocks(of table: TableID, in range: KeyRange) -> ArraySlice<Block> {
    let first = blocks.partitionPoint { $0.table < table }
    let end = blocks.partitionPoint { $0.table <= table }
    let ofTable = blocks[first..<end]
    // The last that begins at or before the range may reach into it.
    let behind = ofTable.partitionPoint { $0.firstKey.rawSpan.compare(range.lower.rawSpan) <= 0 }
    let last =
      range.upper.map { upper in ofTable.partitionPoint { $0.firstKey.rawSpan.compare(upper.rawSpan) < 0 } } ?? end
    let begin = max(first, behind - 1)
    return ofTable[begin..<max(begin, last)]
  }
}

extension RandomAccessCollection where Index == Int {
  /// The index of the first element that isn't `before`, in a collection where those that are come first.
  func partitionPoint(_ isBefore: (Element) -> Bool) -> Int {
    var (low, high) = (startIndex, endIndex)
    while low < high {
      let middle = low + (high - low) / 2
      if isBefore(self[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// Writes a sorted run, under another name until it is whole.
struct SortedRunWriter: ~Copyable {
  private let path: String
  private let storage: any Storage
  private let file: any StorageFile
  private let blockBytes: Int
  private var position = 0
  private var table = TableID.system
  /// The block that grows, with its header.
  private var block: ByteWriter
  private var firstKey: [UInt8] = []
  /// Of the blocks that are written.
  private var index = ByteWriter()
  private var recordCount = 0

  private static func temporary(_ path: String) -> String { path + ".tmp" }

  /// Begins a run of about so many bytes.
  init(_ path: String, _ storage: any Storage, byteCount: Int) throws(StoreError) {
    self.path = path
    self.storage = storage
    blockBytes = SortedRun.blockBytes(ofRun: byteCount)
    block = ByteWriter(capacity: 2 * blockBytes)
    let temporary = Self.temporary(path)
    guard let file = try storage.open(temporary, .replace) else {
      throw StoreError(.inputOutput, "a sorted run can't be made", ["file": temporary])
    }
    self.file = file
  }

  /// Adds a change; table and key are greater than those before.
  mutating func append(_ entry: BatchEntry, in table: TableID) throws(StoreError) {
    if block.count >= blockBytes || (table != self.table && block.count > 0) { try endBlock() }
    // Proof: the entry's memory is there during the call.
    let key = unsafe RawSpan(_unsafeBytes: entry.key)
    if block.count == 0 {
      self.table = table
      block.append(bigEndian: UInt64(0))
      firstKey = key.array
    }
    block.append(varint: UInt64(key.byteCount))
    if entry.state == .deleted {
      block.append(varint: 0)
      block.append(key)
    } else {
      let value = unsafe RawSpan(_unsafeBytes: entry.value)
      block.append(varint: UInt64(value.byteCount) + 1)
      block.append(key)
      block.append(value)
    }
    recordCount += 1
  }

  private mutating func endBlock() throws(StoreError) {
    if block.count == 0 { return }
    let checksum = SortedRun.checksum(ofBlock: block.bytes)
    block.set(bigEndian: UInt32(block.count - SortedRun.headerBytes), at: 0)
    block.set(bigEndian: checksum, at: 4)
    try file.writeAll(block.bytes, at: position)
    index.append(varint: UInt64(table.value))
    index.append(varint: UInt64(block.count))
    let key = firstKey
    index.append(varint: UInt64(key.count))
    index.append(key.rawSpan)
    position += block.count
    block.removeAll()
  }

  /// Ends the run, which leads from one commit to another, and gives it its name.
  ///
  /// It survives a loss of power on return, but for its name, which ``SortedRuns`` sees to.
  consuming func finish(from start: (offset: Offset, receipt: Receipt), to end: CommittedState) throws(StoreError) {
    try endBlock()
    var state = ByteWriter()
    OffsetsFamily.encode(end, into: &state)
    var tail = ByteWriter()
    tail.append(bigEndian: start.offset.value)
    tail.append(bigEndian: start.receipt.value)
    tail.append(varint: UInt64(state.count))
    tail.append(state.bytes)
    tail.append(varint: UInt64(recordCount))
    tail.append(index.bytes)
    let count = tail.count
    let checksum = crc32c(0, tail.bytes)
    tail.append(bigEndian: UInt32(count))
    tail.append(bigEndian: checksum)
    tail.append(bigEndian: SortedRun.magic)
    try file.writeAll(tail.bytes, at: position)
    try file.sync()
    try storage.rename(Self.temporary(path), to: path)
  }
}

/// Steps over the changes of a run in a range of one table.
@safe
struct SortedRunCursor: ~Copyable {
  private let file: any StorageFile
  private let path: String
  private let range: KeyRange
  /// Those to come.
  private var blocks: ArraySlice<SortedRun.Block>
  private var block: ByteWriter
  private var base: UnsafeRawPointer?
  /// Where the next record starts in the block.
  private var next = 0
  private var isAtStart = true
  /// The key where it stands; it stays in its place until the next step.
  private(set) var key = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
  /// The value where it stands; `nil` for a deletion.
  private(set) var value: UnsafeRawBufferPointer?

  init(_ run: SortedRun, _ table: TableID, _ range: KeyRange) {
    file = run.file
    path = run.path
    self.range = range
    blocks = run.blocks(of: table, in: range)
    block = ByteWriter(capacity: run.greatestBlockBytes)
  }

  /// Goes to the first or the next change; `false` at the end.
  ///
  /// Throws `corrupted` if the file is damaged.
  mutating func advance() throws(StoreError) -> Bool {
    while true {
      if next >= block.count, try !loadBlock() { return false }
      try decode()
      if isAtStart {
        // Proof for `unsafe` here and below: the block is in memory.
        if unsafe RawSpan(_unsafeBytes: key).compare(range.lower.rawSpan) < 0 { continue }
        isAtStart = false
      }
      if let upper = range.upper, unsafe RawSpan(_unsafeBytes: key).compare(upper.rawSpan) >= 0 {
        blocks = []
        next = block.count
        return false
      }
      return true
    }
  }

  private mutating func loadBlock() throws(StoreError) -> Bool {
    guard let place = blocks.popFirst() else { return false }
    block.removeAll()
    let file = file
    do throws(StoreError) {
      unsafe try block.append(upTo: place.byteCount) { (buffer) throws(StoreError) in
        unsafe try file.read(into: buffer, at: place.position)
      }
    } catch {
      // As good as damaged: the changelog has it, too.
      throw damage(place.position, cause: error)
    }
    var reader = ByteReader(block.bytes)
    guard let count = reader.integer(UInt32.self), let checksum = reader.integer(UInt32.self),
      block.count == place.byteCount, Int(count) == reader.remaining, count > 0,
      SortedRun.checksum(ofBlock: block.bytes) == checksum
    else { throw damage(place.position) }
    next = SortedRun.headerBytes
    unsafe base = block.bytes.withUnsafeBytes { $0.baseAddress }
    return true
  }

  private mutating func decode() throws(StoreError) {
    var reader = ByteReader(block.bytes.extracting(next...))
    guard let keyCount = reader.varint(), let valueCount = reader.varint(),
      keyCount <= UInt64(reader.remaining), valueCount <= UInt64(reader.remaining) - keyCount + 1
    else { throw damage(next) }
    let keyStart = next + reader.position
    // Proof: the guard checked that both lie within the block, which stays until the next is loaded.
    unsafe key = UnsafeRawBufferPointer(start: base! + keyStart, count: Int(keyCount))
    next = keyStart + Int(keyCount)
    unsafe value = nil
    if valueCount > 0 {
      unsafe value = UnsafeRawBufferPointer(start: base! + next, count: Int(valueCount) - 1)
      next += Int(valueCount) - 1
    }
  }

  private func damage(_ position: Int, cause: StoreError? = nil) -> StoreError {
    StoreError(
      .corrupted, "a sorted run of an unfinished restore is damaged", ["file": path, "position": position],
      cause: cause)
  }
}
