internal import Changelog

/// How sorted runs are merged: into parts that have nothing in common, each a table file.
///
/// Written down before the first part, so that those that are done count after a crash.
///
/// | bytes | field (big-endian; varints are LEB128) |
/// |---|---|
/// | varint | number of runs |
/// | 8, 8 | offset and receipt of the commit that they lead to |
/// | varint, varint, varint, … | of each part: the table's id; how many bytes of blocks begin in it; length of its least key, and that |
/// | 4 | CRC-32C of all before |
struct MergePlan: Equatable {
  /// What becomes a table file.
  struct Part: Equatable {
    let table: TableID
    let lower: [UInt8]
    /// How many bytes of blocks begin in it.
    var byteCount: Int
  }

  private static let leastPartBytes = 4 << 20
  private static let greatestPartBytes = 64 << 20
  /// Into how many parts a small merge is divided, so that all cores have work to the end.
  private static let partCount = 64

  let runCount: Int
  let offset: Offset
  let receipt: Receipt
  private(set) var parts: [Part] = []

  /// Divides the blocks of runs by their first keys.
  init(_ runs: [SortedRun], leadingTo end: CommittedState) {
    runCount = runs.count
    offset = end.offset
    receipt = end.receipt
    // What defines tables comes with the offsets.
    var blocks = runs.flatMap(\.blocks).filter { $0.table != .system }
    let total = blocks.reduce(0) { $0 + $1.byteCount }
    let partBytes = min(max(total / Self.partCount, Self.leastPartBytes), Self.greatestPartBytes)
    blocks.sort { a, b in
      a.table != b.table ? a.table < b.table : a.firstKey.rawSpan.compare(b.firstKey.rawSpan) < 0
    }
    for block in blocks {
      let table = block.table
      if parts.last?.table != table {
        // The first of a table has all keys from the start.
        parts.append(Part(table: table, lower: [], byteCount: 0))
      } else if parts[parts.count - 1].byteCount >= partBytes {
        // Blocks of several runs that begin with the same key belong together.
        if block.firstKey != parts[parts.count - 1].lower {
          parts.append(Part(table: table, lower: block.firstKey, byteCount: 0))
        }
      }
      parts[parts.count - 1].byteCount += block.byteCount
    }
  }

  /// The keys of a part.
  func range(_ index: Int) -> KeyRange {
    let isLast = index + 1 == parts.count || parts[index + 1].table != parts[index].table
    return KeyRange(lower: parts[index].lower, upper: isLast ? nil : parts[index + 1].lower)
  }

  // MARK: The file

  var encoded: [UInt8] {
    var bytes = ByteWriter()
    bytes.append(varint: UInt64(runCount))
    bytes.append(bigEndian: offset.value)
    bytes.append(bigEndian: receipt.value)
    for part in parts {
      bytes.append(varint: UInt64(part.table.value))
      bytes.append(varint: UInt64(part.byteCount))
      bytes.append(varint: UInt64(part.lower.count))
      bytes.append(part.lower.rawSpan)
    }
    let checksum = crc32c(0, bytes.bytes)
    bytes.append(bigEndian: checksum)
    return bytes.bytes.array
  }

  /// `nil` if the bytes aren't a plan.
  init?(decoding bytes: [UInt8]) {
    guard bytes.count >= 4 else { return nil }
    let body = bytes.rawSpan.extracting(..<(bytes.count - 4))
    var trailer = ByteReader(bytes.rawSpan.extracting((bytes.count - 4)...))
    guard trailer.integer(UInt32.self) == crc32c(0, body) else { return nil }
    var reader = ByteReader(body)
    guard let runCount = reader.varint(), let offset = reader.integer(Int64.self),
      let receipt = reader.integer(UInt64.self)
    else { return nil }
    self.runCount = Int(clamping: runCount)
    self.offset = Offset(offset)
    self.receipt = Receipt(receipt)
    while reader.remaining > 0 {
      guard let table = reader.varint(), table <= UInt64(UInt32.max), let byteCount = reader.varint(),
        let keyCount = reader.varint(), let key = reader.take(Int(clamping: keyCount))
      else { return nil }
      parts.append(Part(table: TableID(UInt32(table)), lower: key.array, byteCount: Int(clamping: byteCount)))
    }
  }
}
