// One commit in a file log: Kafka's record batch, magic 2, uncompressed. Integers are big-endian.
//
// | at | bytes | field |
// |---|---|---|
// | 0 | 8 | base offset |
// | 8 | 4 | length of what follows this field |
// | 12 | 4 | partition leader epoch: the writer's epoch |
// | 16 | 1 | magic, 2 |
// | 17 | 4 | CRC-32C of everything from byte 21 on |
// | 21 | 2 | attributes, 0 (bits 0–2 compression, 3 timestamp type, 4 transactional, 5 control) |
// | 23 | 4 | last offset delta |
// | 27 | 8 | base timestamp, milliseconds |
// | 35 | 8 | greatest timestamp |
// | 43 | 8 | producer id, -1 |
// | 51 | 2 | producer epoch, -1 |
// | 53 | 4 | base sequence, -1 |
// | 57 | 4 | number of records: last offset delta + 1 |
// | 61 | … | record 0, the commit record; then the records of ``RecordBuffer`` |
//
// Base offset, length, epoch and magic are outside the checksum, so the commit record repeats what matters:
//
// | bytes | field of the commit record |
// |---|---|
// | zigzag | length of the rest |
// | 1, 1, 1 | attributes 0, timestamp delta 0, offset delta 0 |
// | 1, 2 | key length 2; key: table id 0 (varint), kind 0 = commit |
// | zigzag | value length |
// | 1 | version of the value: 1, or 2 with tagged fields |
// | 8 | durable offset when the batch was written |
// | 8 | base offset |
// | 4 | epoch |
// | 8 | receipt of the batch before |
// | … | position, stream time and tagged fields (``CommitMetadata``) |
// | 1 | number of headers, 0 |
//
// Source: Kafka's message format (KIP-98).

internal import CChecksum

/// The fixed fields that open a record batch.
public struct RecordBatchHeader: Sendable, Hashable {
  /// How many bytes they take.
  public static let byteCount = 61
  /// Where the bytes start that ``batchLength`` counts.
  package static let lengthEnd = 12
  /// Where the bytes start that the checksum covers.
  package static let checksummedStart = 21

  /// The offset of the first record.
  public var baseOffset: Int64
  /// How many bytes follow the length field.
  public var batchLength: Int32
  /// The writer that appended the batch.
  public var epoch: Int32
  /// The format's version; 2 is what is understood here.
  public var magic: UInt8
  /// CRC-32C of everything after it.
  public var checksum: UInt32
  /// Compression, timestamp type, transactional, control.
  public var attributes: UInt16
  /// The offset of the last record, less the base offset.
  public var lastOffsetDelta: Int32
  /// When the batch was appended.
  public var baseTimestamp: Timestamp
  /// The greatest timestamp of its records.
  public var maxTimestamp: Timestamp
  /// How many records follow.
  public var recordCount: Int32

  /// Reads the fields, unchecked; `nil` if there are fewer bytes.
  public init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= Self.byteCount else { return nil }
    var reader = ByteReader(bytes)
    guard let baseOffset = reader.integer(Int64.self), let batchLength = reader.integer(Int32.self),
      let epoch = reader.integer(Int32.self), let magic = reader.integer(UInt8.self),
      let checksum = reader.integer(UInt32.self), let attributes = reader.integer(UInt16.self),
      let lastOffsetDelta = reader.integer(Int32.self), let baseTimestamp = reader.integer(Int64.self),
      let maxTimestamp = reader.integer(Int64.self), reader.take(14) != nil,
      let recordCount = reader.integer(Int32.self)
    else { return nil }
    self.baseOffset = baseOffset
    self.batchLength = batchLength
    self.epoch = epoch
    self.magic = magic
    self.checksum = checksum
    self.attributes = attributes
    self.lastOffsetDelta = lastOffsetDelta
    self.baseTimestamp = baseTimestamp
    self.maxTimestamp = maxTimestamp
    self.recordCount = recordCount
  }

  /// How many bytes the whole batch takes.
  public var totalBytes: Int { Self.lengthEnd + Int(batchLength) }

  /// The offset after the last record.
  public var endOffset: Int64 { baseOffset &+ Int64(lastOffsetDelta) &+ 1 }

  /// A batch that starts here may have as many records as there can be, and its end is a number.
  package static let greatestBaseOffset = Int64.max - Int64(Int32.max) - 1

  /// What is impossible about the fields, or `nil`.
  package var implausibility: String? {
    if magic != 2 { return "the batch's magic is not 2" }
    if totalBytes < Self.byteCount { return "the batch's length is impossible" }
    if baseOffset < 0 || lastOffsetDelta < 0 || baseOffset > Self.greatestBaseOffset {
      return "the batch's offsets are impossible"
    }
    return nil
  }

  /// What the attributes ask for that isn't understood here, or `nil`.
  package var unsupportedAttribute: String? {
    if attributes & 0x07 != 0 { return "compression" }
    if attributes & 0x10 != 0 { return "a transactional batch" }
    if attributes & 0x20 != 0 { return "a control batch" }
    if attributes & ~0x08 != 0 { return "unknown attributes" }
    return nil
  }
}

/// A whole batch whose checksum was verified: Kafka's own, or one commit of a file log.
public struct RecordBatch: ~Escapable {
  /// The fixed fields.
  public let header: RecordBatchHeader
  /// The batch, from base offset to last record.
  public let bytes: RawSpan

  /// Why bytes aren't an intact batch.
  public struct Damage: Error, Sendable, Hashable {
    /// What is wrong, in lower case.
    public let reason: String
    /// The bytes end before the batch does.
    public let isCutShort: Bool

    package init(_ reason: String, isCutShort: Bool = false) {
      self.reason = reason
      self.isCutShort = isCutShort
    }
  }

  /// Takes the batch that `bytes` start with, after checking lengths, magic and checksum.
  @_lifetime(copy bytes)
  public init(startOf bytes: RawSpan) throws(Damage) {
    guard let header = RecordBatchHeader(bytes) else { throw Damage("the batch is cut short", isCutShort: true) }
    if let reason = header.implausibility { throw Damage(reason) }
    guard header.totalBytes <= bytes.byteCount else { throw Damage("the batch is cut short", isCutShort: true) }
    let batch = bytes.extracting(0..<header.totalBytes)
    guard crc32c(0, batch.extracting(RecordBatchHeader.checksummedStart...)) == header.checksum else {
      throw Damage("the batch's checksum doesn't match")
    }
    self.header = header
    self.bytes = batch
  }

  /// The encoded records.
  public var recordBytes: RawSpan {
    @_lifetime(copy self) get { bytes.extracting(RecordBatchHeader.byteCount...) }
  }

  /// Gives `body` each batch of the contents of a segment, ours or Kafka's, with its position; stops at the first that
  /// isn't intact.
  ///
  /// Returns how many bytes were batches, and what was wrong with the next, if bytes are left.
  public static func forEach<E: Error>(
    in segment: RawSpan, _ body: (_ batch: RecordBatch, _ position: Int) throws(E) -> Void
  ) throws(E) -> (byteCount: Int, damage: Damage?) {
    var position = 0
    while position < segment.byteCount {
      let rest = segment.extracting(position...)
      let count: Int
      do {
        count = try RecordBatch(startOf: rest).bytes.byteCount
      } catch {
        return (position, error)
      }
      try body(RecordBatch(verified: rest.extracting(0..<count)), position)
      position += count
    }
    return (position, nil)
  }

  /// Takes bytes that were verified before.
  @_lifetime(copy bytes)
  package init(verified bytes: RawSpan) {
    // Verification read the header, so it is there.
    self.header = RecordBatchHeader(bytes)!
    self.bytes = bytes
  }
}
