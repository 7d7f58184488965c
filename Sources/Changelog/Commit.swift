internal import CChecksum
internal import Foundation

/// Milliseconds since 1970-01-01 UTC, as in Kafka.
public typealias Timestamp = Int64

/// The contents of one commit in a changelog: net changes, input positions, stream time, and outputs for other topics.
///
/// Receipts are computed over its canonical bytes: those of its ``CommitMetadata``, followed by those of its records
/// (``RecordBuffer``).
public struct Commit: ~Copyable, Sendable {
  /// The net changes: one record for each key.
  public var records = RecordBuffer()
  /// For each input partition, the offset of the next record to read: all partitions of the store, not only the changed
  /// ones.
  public var position: Position
  /// The stream time: the greatest event timestamp so far, if any.
  public var streamTime: Timestamp?
  /// Records for other topics, which become visible with the commit; only for a changelog that
  /// ``ChangelogCapabilities/carriesOutputs``.
  public var outputs: [OutputRecord] = []
  /// Offsets of consumer groups, which are committed together; only for a changelog that
  /// ``ChangelogCapabilities/carriesGroupOffsets``.
  public var groupOffsets: [GroupOffsets] = []

  /// Creates a commit without records.
  public init(position: Position = [:], streamTime: Timestamp? = nil) {
    self.position = position
    self.streamTime = streamTime
  }

  /// Whether the commit has only changes of the store, without outputs and offsets of consumer groups.
  @inlinable
  public var isStateAlone: Bool { outputs.isEmpty && groupOffsets.isEmpty }
}

/// The place of an appended commit.
public struct AppendedCommit: Sendable, Hashable {
  /// Where it starts.
  public var baseOffset: Offset
  /// The offset at which it ends: the earliest start of the next commit.
  public var endOffset: Offset
  /// Its receipt.
  public var receipt: Receipt

  /// Creates a value from its parts.
  public init(baseOffset: Offset, endOffset: Offset, receipt: Receipt) {
    self.baseOffset = baseOffset
    self.endOffset = endOffset
    self.receipt = receipt
  }
}

/// Encodes position and stream time as ``CommitMetadata`` says.
package func encodeMetadata(position: Position, streamTime: Timestamp?, into buffer: inout ByteWriter) {
  CommitMetadata(position: position, streamTime: streamTime).encode(into: &buffer)
}

extension ByteWriter {
  /// A varint length and UTF-8.
  mutating func append(text: String) {
    append(varint: UInt64(text.utf8.count))
    append(utf8: text)
  }

  /// The number of offsets, then each, in order.
  mutating func append(position: Position) {
    append(varint: UInt64(position.offsets.count))
    for (partition, offset) in position.offsets.sorted(by: { $0.key < $1.key }) {
      append(text: partition.topic)
      append(bigEndian: partition.partition)
      append(bigEndian: offset.value)
    }
  }
}

/// Decodes what ``encodeMetadata(position:streamTime:into:)`` wrote; `nil` if the bytes are something else.
package func decodeMetadata(_ bytes: RawSpan) -> (position: Position, streamTime: Timestamp?)? {
  guard let metadata = try? CommitMetadata(bytes) else { return nil }
  return (metadata.position, metadata.streamTime)
}

/// A commit as it is read from a changelog.
///
/// It is valid only during the call that gets it. If a commit lies in several batches, its records are joined, in
/// order, in their canonical encoding.
public struct LoggedCommit: ~Escapable {
  /// Where it starts.
  public let baseOffset: Offset
  /// The offset at which it ends.
  public let endOffset: Offset
  /// The writer that appended it.
  public let epoch: Int32
  /// When it was appended, by the writer's wall clock.
  public let timestamp: Timestamp
  /// The receipt of the previous commit.
  public let previousReceipt: Receipt
  /// Its receipt.
  public let receipt: Receipt
  /// How far each input partition was consumed.
  public let position: Position
  /// The stream time.
  public let streamTime: Timestamp?
  /// The digest of its outputs and group offsets (``Commit/outputsDigest``); `nil` if it has none.
  public let outputsDigest: UInt64?
  /// Fields of a later version that may be skipped (``CommitMetadata/laterFields``); its receipt covers them.
  public let laterFields: TaggedFields
  /// Its bytes in the changelog.
  public let byteCount: Int
  /// The net changes.
  public let records: RecordSpan

  /// Creates a commit from its parts.
  @_lifetime(copy records)
  public init(
    baseOffset: Offset, endOffset: Offset, epoch: Int32, timestamp: Timestamp, previousReceipt: Receipt,
    receipt: Receipt, position: Position, streamTime: Timestamp?, outputsDigest: UInt64? = nil,
    laterFields: TaggedFields = TaggedFields(), byteCount: Int, records: RecordSpan
  ) {
    self.baseOffset = baseOffset
    self.endOffset = endOffset
    self.epoch = epoch
    self.timestamp = timestamp
    self.previousReceipt = previousReceipt
    self.receipt = receipt
    self.position = position
    self.streamTime = streamTime
    self.outputsDigest = outputsDigest
    self.laterFields = laterFields
    self.byteCount = byteCount
    self.records = records
  }
}

/// A chained checksum over a changelog: equal receipts at equal offsets mean equal histories.
///
/// The receipt of a commit is XXH3-64 over the commit's canonical bytes, those of its ``CommitMetadata`` followed by
/// those of its records (``RecordBuffer``), with the receipt of the previous commit as the seed. The first commit's
/// seed is the receipt of the changelog's identity: XXH3-64 over the 16 bytes of its id, with the seed 0. Offsets,
/// epochs and batches don't affect a receipt, so it is the same on every kind of changelog.
public struct Receipt: Hashable, Sendable, CustomStringConvertible {
  /// The checksum.
  public let value: UInt64

  /// Wraps a checksum.
  public init(_ value: UInt64) { self.value = value }

  /// The receipt before the first commit of a changelog.
  public init(startOf identity: ChangelogIdentity) {
    let bytes = identity.id.uuid
    value = unsafe withUnsafeBytes(of: bytes) { unsafe tidemark_xxh3(0, $0.baseAddress!, $0.count, $0.baseAddress!, 0) }
  }

  /// The receipt of a commit that follows this one.
  public func followed(by commit: borrowing Commit) -> Receipt {
    var metadata = ByteWriter()
    CommitMetadata(of: commit).encode(into: &metadata)
    return followed(byMetadata: metadata.bytes, records: commit.records.bytes)
  }

  /// The receipt of a commit that follows this one, computed from the contents that were read: equal to its
  /// ``LoggedCommit/receipt`` if these are the appended contents.
  public func followed(by commit: LoggedCommit) -> Receipt {
    var metadata = ByteWriter()
    CommitMetadata(of: commit).encode(into: &metadata)
    return followed(byMetadata: metadata.bytes, records: commit.records.bytes)
  }

  /// The receipt of a commit that follows this one: `metadata` is the encoding of its ``CommitMetadata``, `records` that of
  /// its records.
  public func followed(byMetadata metadata: RawSpan, records: RawSpan) -> Receipt {
    let empty: StaticString = ""
    return unsafe metadata.withUnsafeBytes { metadata in
      unsafe records.withUnsafeBytes { records in
        // Proof: both pointers are valid for their counts; an empty range gets a valid pointer of length 0.
        unsafe Receipt(
          tidemark_xxh3(
            value, metadata.baseAddress ?? UnsafeRawPointer(empty.utf8Start), metadata.count,
            records.baseAddress ?? UnsafeRawPointer(empty.utf8Start), records.count))
      }
    }
  }

  /// Sixteen hexadecimal digits.
  public var description: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
