/// A batch that holds one commit: its commit record, decoded, and the records that follow.
package struct CommitBatch: ~Escapable {
  /// Version 2 is version 1 whose metadata has tagged fields.
  package static let versions: ClosedRange<UInt8> = 1...2
  package static let kind: UInt8 = 0

  package let header: RecordBatchHeader
  /// Below it, commits were durable when this one was written.
  package let durableOffset: Offset
  package let previousReceipt: Receipt
  /// The canonical encoding of the ``CommitMetadata``.
  package let metadata: RawSpan
  package let recordBytes: RawSpan

  package var baseOffset: Offset { Offset(header.baseOffset) }
  package var endOffset: Offset { Offset(header.endOffset) }

  /// Why an intact batch isn't a commit of ours.
  package enum Fault: Error {
    case damaged(String)
    case unsupported(String)
  }

  /// Decodes the commit record; `batch` is intact already.
  @_lifetime(copy batch)
  package init(_ batch: RecordBatch) throws(Fault) {
    header = batch.header
    if let attribute = header.unsupportedAttribute { throw .unsupported(attribute) }
    var reader = ByteReader(batch.recordBytes)
    guard let length = reader.zigzag(), length >= 0, length <= reader.remaining, let record = reader.take(Int(length))
    else { throw .damaged("the first record is cut short") }
    recordBytes = batch.recordBytes.extracting(reader.position...)

    var fields = ByteReader(record)
    guard fields.integer(UInt8.self) != nil, fields.zigzag() != nil, fields.zigzag() != nil,
      let keyLength = fields.zigzag(), keyLength >= -1, keyLength <= fields.remaining
    else { throw .damaged("the first record has impossible fields") }
    guard keyLength == 2, fields.integer(UInt8.self) == 0, fields.integer(UInt8.self) == Self.kind else {
      throw .unsupported("a batch without a commit record")
    }
    guard let valueLength = fields.zigzag(), valueLength >= 1, valueLength <= fields.remaining,
      let value = fields.take(Int(valueLength))
    else { throw .damaged("the commit record has impossible fields") }

    var commit = ByteReader(value)
    guard let version = commit.integer(UInt8.self), Self.versions.contains(version) else {
      throw .unsupported("another version of the commit record")
    }
    guard let durable = commit.integer(Int64.self), let base = commit.integer(Int64.self),
      let epoch = commit.integer(Int32.self), let previous = commit.integer(UInt64.self)
    else { throw .damaged("the commit record is cut short") }
    guard base == header.baseOffset, epoch == header.epoch else {
      throw .damaged("the header's offset or epoch isn't the one under the checksum")
    }
    guard Int(header.recordCount) == Int(header.lastOffsetDelta) + 1, Int(header.recordCount) <= batch.bytes.byteCount
    else {
      throw .damaged("the number of records is impossible")
    }
    durableOffset = Offset(durable)
    previousReceipt = Receipt(previous)
    metadata = value.extracting(commit.position...)
    guard CommitMetadata.hasFields(metadata) == (version > 1) else {
      throw .damaged("the commit record's version isn't that of its metadata")
    }
    if version > 1 { try Self.checkFields(metadata) }
  }

  /// Looks at tagged fields before anything else is done with the batch: a log that can't be understood isn't cut.
  private static func checkFields(_ metadata: RawSpan) throws(Fault) {
    do throws(StoreError) { _ = try CommitMetadata(metadata) } catch {
      guard error.kind == .unsupported else { throw .damaged("the commit record's fields can't be read") }
      let what = error.metadata.filter { $0.name != "structure" }.map { "\($0.name) \($0.value)" }
      throw .unsupported("a commit record with \(what.joined(separator: ", "))")
    }
  }

  /// The commit's receipt.
  package var receipt: Receipt { previousReceipt.followed(byMetadata: metadata, records: recordBytes) }

  /// The changes.
  package var records: RecordSpan {
    @_lifetime(copy self) get {
      RecordSpan(bytes: recordBytes, count: Int(header.recordCount) - 1, firstDelta: 1)
    }
  }
}

/// What a commit record says besides position and stream time, and where its batch goes.
package struct CommitPlacement: Sendable {
  package var baseOffset: Offset
  package var durableOffset: Offset
  package var epoch: Int32
  package var previousReceipt: Receipt
  package var timestamp: Timestamp

  package init(
    baseOffset: Offset, durableOffset: Offset, epoch: Int32, previousReceipt: Receipt, timestamp: Timestamp
  ) {
    self.baseOffset = baseOffset
    self.durableOffset = durableOffset
    self.epoch = epoch
    self.previousReceipt = previousReceipt
    self.timestamp = timestamp
  }
}

/// Encodes batches into storage that it uses again.
package struct CommitEncoder: ~Copyable {
  private var metadata = ByteWriter(capacity: 256)
  private var head = ByteWriter(capacity: 512)
  private var version: UInt8 = 1

  package init() {}

  /// How many bytes of header and commit record were encoded last; the commit's records follow them.
  package var headBytes: Int { head.count }

  /// How many bytes the batch of a commit takes, encoding its metadata on the way.
  package mutating func measure(_ commit: borrowing Commit) -> Int {
    metadata.removeAll()
    CommitMetadata(of: commit).encode(into: &metadata)
    version = commit.isStateAlone ? 1 : 2
    let length = Self.recordLength(metadataBytes: metadata.count)
    return RecordBatchHeader.byteCount + zigzagLength(Int64(length)) + length + commit.records.byteCount
  }

  /// Encodes the head of the commit that was just measured; returns its receipt.
  package mutating func encode(_ commit: borrowing Commit, _ placement: CommitPlacement) -> Receipt {
    let lastDelta = Int32(commit.records.count)
    head.removeAll()
    head.append(bigEndian: placement.baseOffset.value)
    head.append(bigEndian: Int32(0))
    head.append(bigEndian: placement.epoch)
    head.append(2)
    head.append(bigEndian: UInt32(0))
    head.append(bigEndian: UInt16(0))
    head.append(bigEndian: lastDelta)
    head.append(bigEndian: placement.timestamp)
    head.append(bigEndian: placement.timestamp)
    head.append(bigEndian: Int64(-1))
    head.append(bigEndian: Int16(-1))
    head.append(bigEndian: Int32(-1))
    head.append(bigEndian: lastDelta + 1)

    head.append(zigzag: Int64(Self.recordLength(metadataBytes: metadata.count)))
    head.append(0)
    head.append(zigzag: 0)
    head.append(zigzag: 0)
    head.append(zigzag: 2)
    head.append(0)
    head.append(CommitBatch.kind)
    head.append(zigzag: Int64(Self.fixedValueBytes + metadata.count))
    head.append(version)
    head.append(bigEndian: placement.durableOffset.value)
    head.append(bigEndian: placement.baseOffset.value)
    head.append(bigEndian: placement.epoch)
    head.append(bigEndian: placement.previousReceipt.value)
    Self.append(metadata, to: &head)
    head.append(zigzag: 0)

    let total = head.count + commit.records.byteCount
    head.set(bigEndian: Int32(total - RecordBatchHeader.lengthEnd), at: 8)
    let headChecksum = crc32c(0, head.bytes.extracting(RecordBatchHeader.checksummedStart...))
    head.set(bigEndian: crc32c(headChecksum, commit.records.bytes), at: 17)
    return placement.previousReceipt.followed(byMetadata: metadata.bytes, records: commit.records.bytes)
  }

  /// What was encoded last and the records, as one batch.
  package func batch(_ records: RawSpan) -> [UInt8] { head.bytes.array + records.array }

  /// Writes what was encoded last and the records with one call; returns how many bytes were written.
  package func write(_ records: RawSpan, to file: any StorageFile, at position: Int) throws(StoreError) -> Int {
    try file.write(head.bytes, records, at: position)
  }

  private static func append(_ bytes: borrowing ByteWriter, to buffer: inout ByteWriter) { buffer.append(bytes.bytes) }

  private static let fixedValueBytes = 1 + 8 + 8 + 4 + 8

  private static func recordLength(metadataBytes: Int) -> Int {
    let value = fixedValueBytes + metadataBytes
    return 6 + zigzagLength(Int64(value)) + value + 1
  }
}
