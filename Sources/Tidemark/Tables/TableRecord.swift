internal import Changelog

/// How a table is known to the changelog and to the store: its id names the column family, its formats are checked at
/// each open.
///
/// In the changelog a record of the table id 0 with this key and value (without a value: the table is dropped); in `offsets`
/// a row with this value:
///
/// | bytes | field |
/// |---|---|
/// | key: 1 | 1, a table's definition |
/// | key: varint | the table's id |
/// | value: 1 | version, 1 |
/// | value: varint, … | length and UTF-8 of the name |
/// | value: varint, … | length and UTF-8 of the key format |
/// | value: varint, … | length and UTF-8 of the value format |
package struct TableRecord: Sendable, Equatable {
  static let kind: UInt8 = 1
  /// Far more tables than a store can have, and few enough for an array of them.
  static let greatestID: UInt64 = 1 << 20

  package var id: TableID
  package var name: String
  var keyFormat: String
  var valueFormat: String

  /// Ids are assigned once, so the family of a table that comes later can't meet what an earlier one left.
  var familyName: String { Self.familyName(id) }
  static func familyName(_ id: TableID) -> String { "table-\(id)" }

  func encodeKey(into buffer: inout ByteBuffer) { Self.encodeKey(of: id, into: &buffer) }

  static func encodeKey(of id: TableID, into buffer: inout ByteBuffer) {
    buffer.append(kind)
    buffer.append(varint: UInt64(id.value))
  }

  func encodeValue(into buffer: inout ByteBuffer) {
    buffer.append(1)
    for text in [name, keyFormat, valueFormat] {
      buffer.append(varint: UInt64(text.utf8.count))
      buffer.append(utf8: text)
    }
  }

  /// The table's id in the key of a record of the table id 0; throws `unsupported` for a record of another kind.
  static func id(ofKey key: RawSpan) throws(StoreError) -> TableID {
    var reader = ByteReader(key)
    guard reader.integer(UInt8.self) == Self.kind, let id = reader.varint(), reader.remaining == 0,
      (1...Self.greatestID).contains(id)
    else {
      throw StoreError(
        .unsupported, "the changelog holds a system record that this version doesn't know; use a newer version")
    }
    return TableID(UInt32(id))
  }

  /// The definition of a record of the table id 0 that has a value.
  package init(key: RawSpan, value: RawSpan) throws(StoreError) {
    try self.init(id: try Self.id(ofKey: key), value: value)
  }

  /// The definition of a row of `offsets`.
  init(id: TableID, value: RawSpan) throws(StoreError) {
    var reader = ByteReader(value)
    guard reader.integer(UInt8.self) == 1 else {
      throw StoreError(.unsupported, "a table's definition is newer than this version", ["table": id])
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
  }

  /// Throws `schemaMismatch` if a declared table was made with other codecs.
  static func checkFormats(of declared: [any TableDefinition], _ known: [TableRecord]) throws(StoreError) {
    for table in declared {
      guard let record = known.first(where: { $0.name == table.name }),
        record.keyFormat != table.keyFormat || record.valueFormat != table.valueFormat
      else { continue }
      throw StoreError(
        .schemaMismatch, "a table was made with other codecs; declare it as it was made, or under another name",
        [
          "table": table.name, "made with": "\(record.keyFormat) -> \(record.valueFormat)",
          "declared": "\(table.keyFormat) -> \(table.valueFormat)",
        ])
    }
  }

  /// Throws `invalidArgument` unless tables may be declared together.
  static func validate(namesOf tables: [any TableDefinition]) throws(StoreError) {
    for table in tables { try validate(name: table.name) }
    guard Set(tables.map(\.name)).count == tables.count else {
      throw StoreError(
        .invalidArgument, "two tables have the same name", ["tables": tables.map(\.name).joined(separator: ", ")])
    }
  }

  /// Throws `invalidArgument` unless the name may name a table.
  static func validate(name: String) throws(StoreError) {
    do throws(StoreError) { try TopicPartition(name, 0).validate() } catch {
      throw StoreError(
        .invalidArgument, "a table is named by 1 to 100 of a-z A-Z 0-9 . _ -", ["table": name])
    }
    guard name.utf8.count <= 100 else {
      throw StoreError(.invalidArgument, "a table's name has at most 100 characters", ["table": name])
    }
  }

  init(id: TableID, name: String, keyFormat: String, valueFormat: String) {
    self.id = id
    self.name = name
    self.keyFormat = keyFormat
    self.valueFormat = valueFormat
  }
}
