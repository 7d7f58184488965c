/// Milliseconds since 1970-01-01 UTC, as in Kafka.
public typealias Timestamp = Int64

/// What one commit appends to a changelog: net changes, the positions consumed, the stream time.
///
/// Its canonical bytes, over which receipts are computed, are `metadata` followed by the record bytes:
///
/// | bytes | field |
/// |---|---|
/// | 1 | flags: bit 0, a stream time follows |
/// | 8 | stream time, milliseconds, big-endian; 0 without one |
/// | varint | number of positions |
/// | … | each: varint length and UTF-8 of the topic, int32 partition, int64 offset, big-endian, in order of topic and partition |
/// | … | the records (``RecordBuffer``) |
public struct Commit: ~Copyable, Sendable {
  /// The net changes: one record a key.
  public var records = RecordBuffer()
  /// How far each input partition is consumed once this commit counts: all partitions of the store, not only those
  /// that moved.
  public var position: Position
  /// The greatest event timestamp seen, if any.
  public var streamTime: Timestamp?

  /// Makes a commit without records.
  public init(position: Position = [:], streamTime: Timestamp? = nil) {
    self.position = position
    self.streamTime = streamTime
  }
}

/// Encodes position and stream time as ``Commit`` says.
package func encodeMetadata(position: Position, streamTime: Timestamp?, into buffer: inout ByteBuffer) {
  buffer.append(streamTime == nil ? 0 : 1)
  buffer.append(bigEndian: streamTime ?? 0)
  buffer.append(varint: UInt64(position.offsets.count))
  for (partition, offset) in position.offsets.sorted(by: { $0.key < $1.key }) {
    buffer.append(varint: UInt64(partition.topic.utf8.count))
    buffer.append(utf8: partition.topic)
    buffer.append(bigEndian: partition.partition)
    buffer.append(bigEndian: offset.value)
  }
}

/// Decodes what ``encodeMetadata(position:streamTime:into:)`` wrote; `nil` if the bytes are something else.
package func decodeMetadata(_ bytes: RawSpan) -> (position: Position, streamTime: Timestamp?)? {
  var reader = ByteReader(bytes)
  guard let flags = reader.integer(UInt8.self), flags <= 1, let time = reader.integer(Int64.self),
    let count = reader.varint(), count <= UInt64(reader.remaining)
  else { return nil }
  var position = Position()
  for _ in 0..<count {
    guard let length = reader.varint(), length <= UInt64(reader.remaining), let topic = reader.string(Int(length)),
      let partition = reader.integer(Int32.self), let offset = reader.integer(Int64.self)
    else { return nil }
    position[TopicPartition(topic, partition)] = Offset(offset)
  }
  guard reader.remaining == 0 else { return nil }
  return (position, flags == 1 ? time : nil)
}
