/// Names a key space inside a changelog: assigned once, never used again.
///
/// It leads the key of every record as an unsigned varint; 0 is the store's own.
public struct TableID: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The number.
  public let value: UInt32
  /// Wraps a number.
  public init(_ value: UInt32) { self.value = value }
  /// The key space of the store itself: commit records and table definitions.
  public static let system = TableID(0)
  /// Orders by number.
  public static func < (a: TableID, b: TableID) -> Bool { a.value < b.value }
  /// The number alone.
  public var description: String { String(value) }
}

/// Records in the encoding of Kafka's record batch v2, one after the other, ready to be written.
///
/// These are the records' canonical bytes: stable, and the same in every changelog. A changelog that keeps a commit in
/// several batches gives it back with the deltas that it had here.
///
/// | bytes | field |
/// |---|---|
/// | zigzag | length of the rest |
/// | 1 | attributes, 0 |
/// | zigzag | timestamp delta, 0 |
/// | zigzag | offset delta: 1, 2, 3, … (0 is the commit record, which the changelog's writer puts before them) |
/// | zigzag, … | key length and key: the table's id as an unsigned varint, then the key's bytes |
/// | zigzag, … | value length and value; length -1 is a tombstone |
/// | zigzag | number of headers, 0 |
///
/// Source: Kafka's message format (KIP-98).
public struct RecordBuffer: ~Copyable, Sendable {
  /// The encoded records.
  package private(set) var buffer = ByteWriter(capacity: 4096)
  /// How many records it holds.
  public private(set) var count = 0

  /// Makes an empty buffer.
  public init() {}

  /// How many bytes the records take.
  public var byteCount: Int { buffer.count }

  /// The encoded records.
  public var bytes: RawSpan {
    @_lifetime(borrow self) get { buffer.bytes }
  }

  /// The records, to be read one after the other.
  public var records: RecordSpan {
    @_lifetime(borrow self) get { RecordSpan(bytes: buffer.bytes, count: count, firstDelta: 1) }
  }

  /// Empties it and keeps the storage.
  public mutating func removeAll() {
    buffer.removeAll()
    count = 0
  }

  /// Appends a change of one key; without a value it is a deletion.
  public mutating func append(_ table: TableID, key: RawSpan, value: RawSpan?) {
    let id = UInt64(table.value)
    let keyLength = varintLength(id) + key.byteCount
    let valueLength = value?.byteCount ?? -1
    let delta = Int64(count + 1)
    let length =
      2 + zigzagLength(delta) + zigzagLength(Int64(keyLength)) + keyLength + zigzagLength(Int64(valueLength))
      + max(0, valueLength) + 1
    buffer.reserve(length + 10)
    buffer.append(zigzag: Int64(length))
    buffer.append(0)
    buffer.append(0)
    buffer.append(zigzag: delta)
    buffer.append(zigzag: Int64(keyLength))
    buffer.append(varint: id)
    buffer.append(key)
    buffer.append(zigzag: Int64(valueLength))
    if let value { buffer.append(value) }
    buffer.append(0)
    count += 1
  }
}

/// Encoded records that are read one after the other, without copies.
public struct RecordSpan: ~Escapable {
  /// The encoded records.
  public let bytes: RawSpan
  /// How many there are.
  public let count: Int
  private let firstDelta: Int

  /// Spans `count` records in the encoding of a ``RecordBuffer``, whose offset deltas start at `firstDelta`.
  ///
  /// Nothing is checked here: ``forEach(_:)`` throws where the bytes are something else.
  @_lifetime(copy bytes)
  public init(bytes: RawSpan, count: Int, firstDelta: Int = 1) {
    self.bytes = bytes
    self.count = count
    self.firstDelta = firstDelta
  }

  /// Calls `body` with each record; a missing value is a deletion.
  ///
  /// Throws `corrupted` if the bytes aren't `count` records, after `body` may have seen some of them.
  public func forEach(
    _ body: (_ table: TableID, _ key: RawSpan, _ value: RawSpan?) throws(StoreError) -> Void
  ) throws(StoreError) {
    var reader = ByteReader(bytes)
    for index in 0..<count {
      guard let length = reader.zigzag(), length >= 0, length <= reader.remaining,
        let record = reader.take(Int(length))
      else { throw StoreError(.corrupted, "a record of a batch is cut short", ["index": index]) }
      var fields = ByteReader(record)
      guard fields.integer(UInt8.self) != nil, fields.zigzag() != nil,
        fields.zigzag() == Int64(firstDelta + index),
        let keyLength = fields.zigzag(), keyLength >= 1, keyLength <= fields.remaining,
        let prefixedKey = fields.take(Int(keyLength)),
        let valueLength = fields.zigzag(), valueLength >= -1, valueLength <= fields.remaining
      else { throw StoreError(.corrupted, "a record of a batch has impossible fields", ["index": index]) }
      var key = ByteReader(prefixedKey)
      guard let id = key.varint(), id <= UInt64(UInt32.max) else {
        throw StoreError(.corrupted, "a record's key doesn't start with a table's id", ["index": index])
      }
      let table = TableID(UInt32(id))
      let rest = prefixedKey.extracting(key.position...)
      if valueLength < 0 {
        try body(table, rest, nil)
      } else {
        try body(table, rest, fields.take(Int(valueLength)))
      }
    }
    guard reader.remaining == 0 else { throw StoreError(.corrupted, "bytes follow the last record of a batch") }
  }
}
