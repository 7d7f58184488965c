internal import Changelog
internal import Foundation
internal import TidemarkTesting

/// A commit as a batch, with a time that is always the same.
func encoded(_ sample: Sample, _ placement: CommitPlacement) throws -> [UInt8] {
  let file = MemoryFile()
  var encoder = CommitEncoder()
  let commit = sample.commit()
  let byteCount = encoder.measure(commit)
  _ = encoder.encode(commit, placement)
  let written = try encoder.write(commit.records.bytes, to: file, at: 0)
  try expect(written == byteCount, "a commit takes \(written) bytes, \(byteCount) were measured")
  return try file.bytes(0..<byteCount)
}

/// Consecutive batches of numbered samples, as in a log.
struct SampleBatches {
  static let partition = TopicPartition("fuzz", 0)
  /// An identity as `partition.metadata` has it.
  static let metadata = Array("version: 0\ntopic_id: VGlkZW1hcmtGdXp6aW5nIQ".utf8)
  /// The identity in `metadata`; its bytes are "TidemarkFuzzing!".
  static let identity = ChangelogIdentity(
    id: UUID(
      uuid: (0x54, 0x69, 0x64, 0x65, 0x6D, 0x61, 0x72, 0x6B, 0x46, 0x75, 0x7A, 0x7A, 0x69, 0x6E, 0x67, 0x21)),
    topicPartition: partition)

  private(set) var bytes: [UInt8] = []
  /// The position and base offset of each batch.
  private(set) var starts: [(position: Int, base: Offset)] = []
  private(set) var end: Offset
  private(set) var receipt = Receipt(startOf: identity)

  /// Starts without batches; the first is to start at `base`.
  init(at base: Offset = .zero) { end = base }

  /// Appends a numbered sample, written when all offsets before `durable` were durable.
  mutating func append(_ number: Int, durable: Offset = .zero, epoch: Int32 = 0) throws {
    let placement = CommitPlacement(
      baseOffset: end, durableOffset: durable, epoch: epoch, previousReceipt: receipt,
      timestamp: 1_700_000_000_000 + Timestamp(starts.count) * 1000)
    let batch = try encoded(Sample(number), placement)
    starts.append((bytes.count, end))
    bytes += batch
    let commit = try CommitBatch(RecordBatch(startOf: batch.rawSpan))
    end = commit.endOffset
    receipt = commit.receipt
  }

  /// Batches of some samples.
  static func of(_ numbers: [Int], at base: Offset = .zero) throws -> SampleBatches {
    var batches = SampleBatches(at: base)
    for number in numbers { try batches.append(number) }
    return batches
  }
}
