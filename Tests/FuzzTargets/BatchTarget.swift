internal import CChecksum
internal import Changelog
internal import TidemarkTesting

extension FuzzTarget {
  /// A byte of ``BatchRepair``, and bytes that are read as consecutive record batches.
  ///
  /// A batch that passes as intact has the right checksum by another computation too; a compressed, transactional or
  /// control batch is refused as unsupported; a commit that decodes encodes to a batch that decodes to the same.
  static let batch = FuzzTarget("batch", greatestBytes: 4096, seeds: batchSeeds) { input in
    guard input.byteCount > 0 else { return }
    var bytes = ByteWriter(capacity: input.byteCount)
    bytes.append(input.extracting(1...))
    BatchRepair(rawValue: input.byte(at: 0)).apply(to: &bytes)
    let count = bytes.count
    let (intactBytes, damage) = try RecordBatch.forEach(in: bytes.bytes) { (batch, position) throws(any Error) in
      try expect(position + batch.bytes.byteCount <= count, "a batch goes beyond the bytes")
      try checkBatch(batch)
    }
    try expect(intactBytes <= count, "batches go beyond the bytes")
    try expect(
      (damage == nil) == (intactBytes == count), "\(intactBytes) of \(count) bytes are intact: \(damage as Any)")
  }
}

private func checkBatch(_ batch: RecordBatch) throws {
  try expect(batch.bytes.byteCount == batch.header.totalBytes, "a batch is longer than its header says")
  let checksummed = batch.bytes.extracting(RecordBatchHeader.checksummedStart...)
  let checksum = unsafe checksummed.withUnsafeBytes {
    // Proof: the pointer is valid for the count, and not null, since the header alone has bytes.
    unsafe tidemark_crc32c_portable(0, $0.baseAddress!, $0.count)
  }
  try expect(checksum == batch.header.checksum, "a checksum was taken for right")
  do throws(CommitBatch.Fault) {
    _ = try CommitBatch(batch)
  } catch {
    if batch.header.unsupportedAttribute != nil, case .damaged = error {
      throw Violation("a batch that isn't supported is called damaged")
    }
    return
  }
  try expect(batch.header.attributes & ~0x08 == 0, "a batch with attributes is taken for a commit")
  let version = CommitMetadata.hasFields(try CommitBatch(batch).metadata) ? 2 : 1
  if version == 2 { return try checkFields(try CommitBatch(batch)) }
  guard let found = try? DecodedCommit(CommitBatch(batch)) else { return }
  let bytes = try encoded(found.sample, found.placement)
  let again = try DecodedCommit(CommitBatch(RecordBatch(startOf: bytes.rawSpan)))
  try expect(again == found, "a commit encodes to another: \(found), \(again)")
  try expect(try encoded(again.sample, again.placement) == bytes, "a commit encodes to other bytes the second time")
  if bytes == batch.bytes.array { try expect(again.receipt == found.receipt, "the receipts of equal commits differ") }
}

/// Checks that the metadata of a commit taken for version 2 can be read, with all of its fields.
private func checkFields(_ commit: CommitBatch) throws {
  let metadata = try CommitMetadata(commit.metadata)
  try expect(metadata.outputsDigest != nil || !metadata.laterFields.isEmpty, "a commit of version 2 has no field of it")
  try expect(metadata.laterFields.fields.allSatisfy { $0.tag % 2 == 0 }, "an odd tag was skipped: \(metadata)")
}

/// A commit as a value.
private struct DecodedCommit: Equatable {
  var sample: Sample
  var placement: CommitPlacement
  var receipt: Receipt

  init(_ commit: CommitBatch) throws {
    guard let metadata = decodeMetadata(commit.metadata) else { throw Violation("no metadata") }
    let logged = LoggedCommit(
      baseOffset: commit.baseOffset, endOffset: commit.endOffset, epoch: commit.header.epoch,
      timestamp: commit.header.baseTimestamp, previousReceipt: commit.previousReceipt, receipt: commit.receipt,
      position: metadata.position, streamTime: metadata.streamTime, byteCount: commit.header.totalBytes,
      records: commit.records)
    sample = try Sample(logged)
    placement = CommitPlacement(
      baseOffset: commit.baseOffset, durableOffset: commit.durableOffset, epoch: commit.header.epoch,
      previousReceipt: commit.previousReceipt, timestamp: commit.header.baseTimestamp)
    receipt = commit.receipt
  }

  /// Without the receipts: they depend on the bytes, and a commit has several encodings.
  static func == (a: DecodedCommit, b: DecodedCommit) -> Bool {
    a.sample == b.sample && a.placement.baseOffset == b.placement.baseOffset
      && a.placement.durableOffset == b.placement.durableOffset && a.placement.epoch == b.placement.epoch
      && a.placement.previousReceipt == b.placement.previousReceipt && a.placement.timestamp == b.placement.timestamp
  }
}

private func batchSeeds() throws -> [[UInt8]] {
  var seeds: [[UInt8]] = []
  for numbers in [[0], [1], [3], [5], [6, 0, 13]] {
    let bytes = try SampleBatches.of(numbers).bytes
    seeds.append([BatchRepair.all.rawValue] + bytes)
    seeds.append([0] + bytes)
  }
  // Compressed with lz4, transactional, a control batch, and with a timestamp of the log.
  for attributes: UInt8 in [3, 0x10, 0x30, 0x08] {
    var bytes = try SampleBatches.of([2]).bytes
    bytes[22] = attributes
    seeds.append([BatchRepair.checksum.rawValue] + bytes)
  }
  // Of version 2.
  var commit = Sample(2).commit()
  commit.outputs = [OutputRecord(topic: "out", key: nil, value: [1])]
  var encoder = CommitEncoder()
  _ = encoder.measure(commit)
  let placement = CommitPlacement(
    baseOffset: .zero, durableOffset: .zero, epoch: 0, previousReceipt: Receipt(startOf: SampleBatches.identity),
    timestamp: 1_700_000_000_000)
  _ = encoder.encode(commit, placement)
  seeds.append([BatchRepair.all.rawValue] + encoder.batch(commit.records.bytes))
  return seeds
}
