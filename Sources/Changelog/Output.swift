/// A record for another topic that becomes visible together with a commit.
public struct OutputRecord: Sendable, Hashable {
  /// A header of a record, as in Kafka: names may repeat, and a value may be missing.
  public struct Header: Sendable, Hashable {
    /// Its name.
    public var name: String
    /// Its value.
    public var value: [UInt8]?

    /// Puts a header together.
    public init(_ name: String, _ value: [UInt8]?) {
      self.name = name
      self.value = value
    }
  }

  /// The topic that it goes to.
  public var topic: String
  /// The partition; `nil` lets the changelog's partitioner choose by key.
  public var partition: Int32?
  /// The key.
  public var key: [UInt8]?
  /// The value; without one the record is a tombstone.
  public var value: [UInt8]?
  /// The headers, in order.
  public var headers: [Header]
  /// The record's timestamp, milliseconds; `nil` takes the time of the append.
  public var timestamp: Timestamp?

  /// Puts a record together.
  public init(
    topic: String, partition: Int32? = nil, key: [UInt8]?, value: [UInt8]?, headers: [Header] = [],
    timestamp: Timestamp? = nil
  ) {
    self.topic = topic
    self.partition = partition
    self.key = key
    self.value = value
    self.headers = headers
    self.timestamp = timestamp
  }
}

/// Offsets of a consumer group that are committed together with a commit, as Kafka's `sendOffsetsToTransaction` does.
public struct GroupOffsets: Sendable, Hashable {
  /// The group's id.
  public var groupID: String
  /// The membership (generation, member) in the encoding of the client that is used; empty for a group without members.
  public var metadata: [UInt8]
  /// The next record to read of each partition.
  public var offsets: Position

  /// Puts offsets of a group together.
  public init(groupID: String, metadata: [UInt8] = [], offsets: Position) {
    self.groupID = groupID
    self.metadata = metadata
    self.offsets = offsets
  }
}

extension Commit {
  /// XXH3-64 over the canonical bytes of outputs and group offsets; `nil` if the commit has neither.
  ///
  /// | bytes | field |
  /// |---|---|
  /// | varint | number of outputs |
  /// | … | each: topic, int32 partition or -1, key, value, varint number of headers and name and value of each, a byte 0 or 1, int64 timestamp or 0 |
  /// | varint | number of groups |
  /// | … | each: id, varint number of offsets and topic, int32 partition and int64 offset of each in order |
  ///
  /// Integers are big-endian; a text is a varint length and UTF-8; keys and values are a varint, 0 for a missing one and else
  /// the length + 1, and the bytes. The membership of a group is left out: it says who committed, not what.
  public var outputsDigest: UInt64? {
    if isStateAlone { return nil }
    var buffer = ByteWriter()
    buffer.append(varint: UInt64(outputs.count))
    for output in outputs {
      buffer.append(text: output.topic)
      buffer.append(bigEndian: output.partition ?? -1)
      buffer.append(optional: output.key)
      buffer.append(optional: output.value)
      buffer.append(varint: UInt64(output.headers.count))
      for header in output.headers {
        buffer.append(text: header.name)
        buffer.append(optional: header.value)
      }
      buffer.append(output.timestamp == nil ? 0 : 1)
      buffer.append(bigEndian: output.timestamp ?? 0)
    }
    buffer.append(varint: UInt64(groupOffsets.count))
    for group in groupOffsets {
      buffer.append(text: group.groupID)
      buffer.append(position: group.offsets)
    }
    return Receipt(0).followed(byMetadata: buffer.bytes, records: RawSpan()).value
  }
}

extension ByteWriter {
  fileprivate mutating func append(optional bytes: [UInt8]?) {
    append(varint: UInt64(bytes.map { $0.count + 1 } ?? 0))
    if let bytes { append(bytes.rawSpan) }
  }
}
