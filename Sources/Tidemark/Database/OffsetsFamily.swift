internal import Changelog
internal import Foundation
internal import RocksDB

/// The rows of the column family `offsets`.
///
/// Every write of a commit contains the first two, so data and offset are one.
///
/// | key (UTF-8) | value |
/// |---|---|
/// | `topic-partition` | the stored offset, int64 big-endian: the layout that Kafka Streams has used since 4.3 (KIP-1035) |
/// | `tidemark:commit` | int64 offset, uint64 receipt, both big-endian, then position and stream time as in a ``Commit`` |
/// | `tidemark:format` | the version of the formats (``FormatVersion``), a varint |
/// | `tidemark:identity` | the changelog's id, 16 bytes, then its `topic-partition` |
/// | `tidemark:tail` | in version 2: 1, if the changelog is the store's own tail log |
/// | `tidemark:table:` and an id in decimal | a ``TableRecord`` |
///
/// A colon is no character of a topic, so the store's own keys can't meet a partition's.
enum OffsetsFamily {
  static let name = "offsets"

  static let commitKey = Array("tidemark:commit".utf8)
  static let formatKey = Array("tidemark:format".utf8)
  static let identityKey = Array("tidemark:identity".utf8)
  static let tailKey = Array("tidemark:tail".utf8)
  static let tablePrefix = Array("tidemark:table:".utf8)

  static func offsetKey(_ partition: TopicPartition) -> [UInt8] { Array(partition.description.utf8) }
  static func tableKey(_ id: TableID) -> [UInt8] { tablePrefix + Array(id.description.utf8) }

  static func encode(_ state: CommittedState, into buffer: inout ByteWriter) {
    buffer.append(bigEndian: state.offset.value)
    buffer.append(bigEndian: state.receipt.value)
    encodeMetadata(position: state.position, streamTime: state.streamTime, into: &buffer)
  }

  static func decodeCommit(_ bytes: RawSpan) -> CommittedState? {
    var reader = ByteReader(bytes)
    guard let offset = reader.integer(Int64.self), let receipt = reader.integer(UInt64.self),
      let rest = reader.take(reader.remaining), let (position, streamTime) = decodeMetadata(rest)
    else { return nil }
    return CommittedState(
      offset: Offset(offset), receipt: Receipt(receipt), position: position, streamTime: streamTime)
  }

  static func encode(_ identity: ChangelogIdentity) -> [UInt8] {
    let id = identity.id.uuid
    return unsafe withUnsafeBytes(of: id) { unsafe Array($0) } + Array(identity.topicPartition.description.utf8)
  }
}

extension OffsetsFamily {
  /// An id for a changelog, 16 bytes.
  static func newID() -> [UInt8] { unsafe withUnsafeBytes(of: UUID().uuid) { unsafe Array($0) } }

  /// The id in an encoded identity.
  static func id(in identity: [UInt8]) -> UUID? {
    guard identity.count >= 16 else { return nil }
    var id = UUID().uuid
    _ = unsafe withUnsafeMutableBytes(of: &id) { unsafe identity.prefix(16).copyBytes(to: $0) }
    return UUID(uuid: id)
  }
}

/// Rows of `offsets` that are installed together.
struct OffsetsRows {
  /// By key; without a value a row is deleted.
  private var rows: [[UInt8]: [UInt8]?] = [:]

  /// Sets the row of a key.
  mutating func set(_ key: [UInt8], _ encode: (inout ByteWriter) -> Void) {
    var value = ByteWriter()
    encode(&value)
    rows[key] = .some(value.bytes.array)
  }

  /// Says that the changelog is the store's own tail log, which version 1 doesn't know.
  mutating func setTail() {
    set(OffsetsFamily.tailKey) { $0.append(1) }
    set(.version2)
  }

  /// Says which version the formats are of.
  mutating func set(_ version: FormatVersion) { set(OffsetsFamily.formatKey) { version.encodeValue(into: &$0) } }

  /// Deletes the row of a key.
  mutating func delete(_ key: [UInt8]) { rows[key] = .some(nil) }

  /// Sets the rows that every change comes with; `offsetKey` names the changelog's partition.
  mutating func set(_ state: CommittedState, offsetKey: [UInt8]) {
    set(offsetKey) { $0.append(bigEndian: state.offset.value) }
    set(OffsetsFamily.commitKey) { OffsetsFamily.encode(state, into: &$0) }
  }

  /// Writes them to a table file, to be taken in.
  func write(to path: String, for database: SharedDatabase) throws(RocksDBError) {
    var file = try database.handle.makeTableFile(at: path, for: database.offsets)
    for (key, value) in rows.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      if let value { try file.put(key.rawSpan, value.rawSpan) } else { try file.delete(key.rawSpan) }
    }
    try file.finish()
  }
}
