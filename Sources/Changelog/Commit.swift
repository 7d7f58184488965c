/// Milliseconds since 1970-01-01 UTC, as in Kafka.
public typealias Timestamp = Int64

/// What one commit appends to a changelog: net changes, the positions consumed, the stream time, and what goes elsewhere
/// with it.
///
/// Its canonical bytes, over which receipts are computed, are those of its ``CommitMetadata``, followed by those of its
/// records (``RecordBuffer``).
public struct Commit: ~Copyable, Sendable {
  /// The net changes: one record a key.
  public var records = RecordBuffer()
  /// How far each input partition is consumed once this commit counts: all partitions of the store, not only those
  /// that moved.
  public var position: Position
  /// The greatest event timestamp seen, if any.
  public var streamTime: Timestamp?
  /// Records for other topics, which become visible with the commit; only for a changelog that
  /// ``ChangelogCapabilities/carriesOutputs``.
  public var outputs: [OutputRecord] = []
  /// Offsets of consumer groups, which are committed with it; only for a changelog that
  /// ``ChangelogCapabilities/carriesGroupOffsets``.
  public var groupOffsets: [GroupOffsets] = []

  /// Makes a commit without records.
  public init(position: Position = [:], streamTime: Timestamp? = nil) {
    self.position = position
    self.streamTime = streamTime
  }
}

/// Encodes position and stream time as ``CommitMetadata`` says.
package func encodeMetadata(position: Position, streamTime: Timestamp?, into buffer: inout ByteWriter) {
  CommitMetadata(position: position, streamTime: streamTime).encode(into: &buffer)
}

extension ByteWriter {
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
