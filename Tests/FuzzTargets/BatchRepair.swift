internal import Changelog

/// Repairs to randomly changed batches, so that the changes get past the checks that would stop them first.
struct BatchRepair: OptionSet, Sendable {
  let rawValue: UInt8

  /// A batch with an impossible length extends to the end of the bytes.
  static let length = BatchRepair(rawValue: 1)
  /// Checksums match.
  static let checksum = BatchRepair(rawValue: 2)
  /// Each batch starts where the one before ends, and its commit record says the same as its header.
  static let placement = BatchRepair(rawValue: 4)
  /// Each commit record has the receipt of the commit before.
  static let receipts = BatchRepair(rawValue: 8)

  static let all: BatchRepair = [.length, .checksum, .placement, .receipts]

  // In the value of a commit record (``RecordBatch``): version, durable offset, base offset, epoch, receipt.
  private static let baseOffsetAt = 9
  private static let epochAt = 17
  private static let receiptAt = 21
  private static let valueBytes = 29

  /// Repairs batches; the first follows `receipt`.
  func apply(to bytes: inout ByteWriter, after receipt: Receipt? = nil) {
    var position = 0
    var expected: Int64?
    var receipt = receipt
    while let header = RecordBatchHeader(bytes.bytes.extracting(position...)) {
      let rest = bytes.count - position
      var total = header.totalBytes
      if contains(.length), !(RecordBatchHeader.byteCount...rest).contains(total) {
        total = rest
        bytes.set(bigEndian: Int32(total - RecordBatchHeader.lengthEnd), at: position + 8)
      }
      guard (RecordBatchHeader.byteCount...rest).contains(total) else { return }
      repairCommit(in: &bytes, position..<position + total, header, base: expected ?? header.baseOffset, receipt)
      if contains(.checksum) {
        let start = position + RecordBatchHeader.checksummedStart
        let checksum = crc32c(0, bytes.bytes.extracting(start..<position + total))
        bytes.set(bigEndian: checksum, at: position + 17)
      }
      guard let repaired = RecordBatchHeader(bytes.bytes.extracting(position...)) else { return }
      expected = repaired.endOffset
      receipt = self.receipt(of: bytes.bytes.extracting(position..<position + total))
      position += total
    }
  }

  private func repairCommit(
    in bytes: inout ByteWriter, _ range: Range<Int>, _ header: RecordBatchHeader, base: Int64, _ receipt: Receipt?
  ) {
    guard let start = commitValueStart(bytes.bytes.extracting(range)) else { return }
    let value = range.lowerBound + start
    if contains(.placement) {
      bytes.set(bigEndian: base, at: range.lowerBound)
      bytes.set(bigEndian: base, at: value + Self.baseOffsetAt)
      bytes.set(bigEndian: header.epoch, at: value + Self.epochAt)
    }
    if contains(.receipts), let receipt { bytes.set(bigEndian: receipt.value, at: value + Self.receiptAt) }
  }

  /// The start of the commit record's value; `nil` if there is no commit record.
  private func commitValueStart(_ batch: RawSpan) -> Int? {
    var reader = ByteReader(batch)
    guard reader.take(RecordBatchHeader.byteCount) != nil, reader.zigzag() != nil, reader.take(1) != nil,
      reader.zigzag() != nil, reader.zigzag() != nil, reader.zigzag() == 2, reader.take(2) != nil,
      reader.zigzag() != nil, reader.remaining >= Self.valueBytes
    else { return nil }
    return reader.position
  }

  private func receipt(of bytes: RawSpan) -> Receipt? {
    guard let batch = try? RecordBatch(startOf: bytes), let commit = try? CommitBatch(batch) else { return nil }
    return commit.receipt
  }
}
