/// How a table is known to the changelog and to the store: its id names the column family, its formats are checked at
/// each open.
///
/// In the changelog it is a record of the table id 0 (``TableID/system``) with this key and value, before the first record of
/// the table, and again when it is dropped:
///
/// | bytes | field |
/// |---|---|
/// | key: 1 | 1, a table's definition |
/// | key: varint | the table's id |
/// | value: 1 | version: 1, or 2 with tagged fields |
/// | value: varint, … | length and UTF-8 of the name |
/// | value: varint, … | length and UTF-8 of the key format |
/// | value: varint, … | length and UTF-8 of the value format |
/// | value: … | in version 2: one or more ``TaggedFields`` |
///
/// | tag | field |
/// |---|---|
/// | 1 | ``kind``, UTF-8; absent: `key-value` |
/// | 3 | ``parameters`` of the kind; absent: none |
/// | 5 | ``retention``, varint milliseconds; absent: for ever |
/// | 7 | ``indexOf``, varint table id; absent: no index |
/// | 9 | ``isDropped``, no bytes; absent: not dropped |
///
/// What version 1 can say is said in version 1: versions of Tidemark before 0.2 read it.
public struct TableDescriptor: Sendable, Hashable {
  static let kind: UInt8 = 1
  /// Far more tables than a store can have, and few enough for an array of them.
  package static let greatestID: UInt64 = 1 << 20

  /// Names the table's records; assigned once.
  public var id: TableID
  /// The table's name, unique among the tables that aren't dropped.
  public var name: String
  /// The name of the key's codec.
  public var keyFormat: String
  /// The name of the value's codec.
  public var valueFormat: String
  /// What its rows mean.
  public var kind = TableKind.keyValue
  /// What the kind needs to know besides, in an encoding of its own.
  public var parameters: [UInt8] = []
  /// How long rows are kept, in stream time; `nil` keeps them for ever.
  ///
  /// Whole milliseconds, more than 0: encoding rounds up.
  public var retention: Duration?
  /// The table that it is an index of, if it is one.
  public var indexOf: TableID?
  /// The table and all its rows are gone, and its name is free; its id is never used again.
  public var isDropped = false
  /// Fields of a later version, which may be skipped; kept, where the table is described anew.
  public var laterFields = TaggedFields()

  /// Describes a table of keys and values.
  public init(id: TableID, name: String, keyFormat: String, valueFormat: String) {
    self.id = id
    self.name = name
    self.keyFormat = keyFormat
    self.valueFormat = valueFormat
  }

  /// The version of the formats that its encoding needs.
  public var formatVersion: FormatVersion { fields.isEmpty ? .version1 : .version2 }

  /// Appends the key of the record.
  public func encodeKey(into buffer: inout ByteWriter) { Self.encodeKey(of: id, into: &buffer) }

  /// Appends the key of the record of a table.
  public static func encodeKey(of id: TableID, into buffer: inout ByteWriter) {
    buffer.append(kind)
    buffer.append(varint: UInt64(id.value))
  }

  /// Appends the value of the record.
  public func encodeValue(into buffer: inout ByteWriter) {
    let fields = fields
    buffer.append(fields.isEmpty ? 1 : 2)
    for text in [name, keyFormat, valueFormat] { buffer.append(text: text) }
    fields.encode(into: &buffer)
  }

  /// The table's id in the key of a record of the table id 0; throws `unsupported` for a record of another kind.
  public static func id(ofKey key: RawSpan) throws(StoreError) -> TableID {
    var reader = ByteReader(key)
    guard reader.integer(UInt8.self) == Self.kind, let id = reader.varint(), reader.remaining == 0,
      (1...Self.greatestID).contains(id)
    else {
      throw StoreError(
        .unsupported, "the changelog holds a system record that this version doesn't know; use a newer version")
    }
    return TableID(UInt32(id))
  }

  /// Decodes a record of the table id 0 that has a value.
  ///
  /// Throws `unsupported` for a record of another kind or version, and for a table of a kind or with a field that this version
  /// doesn't know; `corrupted` for bytes that are cut short or name no table.
  public init(key: RawSpan, value: RawSpan) throws(StoreError) {
    try self.init(id: try Self.id(ofKey: key), value: value)
  }

  /// Decodes the value of a record.
  package init(id: TableID, value: RawSpan) throws(StoreError) {
    var reader = ByteReader(value)
    let version = reader.integer(UInt8.self)
    guard version == 1 || version == 2 else {
      throw StoreError(
        .unsupported, "a table's definition is newer than this version; open it with a newer Tidemark",
        ["table": id, "version": version.map { "\($0)" } ?? "none"])
    }
    var texts: [String] = []
    for _ in 0..<3 {
      guard let length = reader.varint(), length <= UInt64(reader.remaining), let text = reader.string(Int(length))
      else { throw StoreError(.corrupted, "a table's definition is cut short", ["table": id]) }
      texts.append(text)
    }
    self.init(id: id, name: texts[0], keyFormat: texts[1], valueFormat: texts[2])
    do throws(StoreError) { try Self.validate(name: name) } catch {
      throw StoreError(.corrupted, "a table's definition has a name that no table can have", ["table": id])
    }
    guard (version == 2) == (reader.remaining > 0), let rest = reader.take(reader.remaining) else {
      throw StoreError(.corrupted, "a table's definition has another version than its fields", ["table": name])
    }
    if version == 2 { try decode(try TaggedFields(rest, of: Self.structure, ["table": name])) }
  }

  /// Throws `invalidArgument` unless the name may name a table: 1 to 100 of `a-z A-Z 0-9 . _ -`, not `.` or `..`.
  public static func validate(name: String) throws(StoreError) {
    do throws(StoreError) { try TopicPartition(name, 0).validate() } catch {
      throw StoreError(
        .invalidArgument, "a table is named by 1 to 100 of a-z A-Z 0-9 . _ -", ["table": name])
    }
    guard name.utf8.count <= 100 else {
      throw StoreError(.invalidArgument, "a table's name has at most 100 characters", ["table": name])
    }
  }
}
