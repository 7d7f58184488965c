package import Changelog

/// How a table is known to the changelog and, as a row of `offsets` with the same value, to the store.
package typealias TableRecord = TableDescriptor

extension TableDescriptor {
  /// Ids are assigned once, so the family of a table that comes later can't meet what an earlier one left.
  var familyName: String { Self.familyName(id) }
  static func familyName(_ id: TableID) -> String { "table-\(id)" }

  /// Decodes the value of a record or row; throws `unsupported` for a table whose rows this version would show wrongly.
  init(id: TableID, stored value: RawSpan) throws(StoreError) {
    try self.init(id: id, value: value)
    if isDropped { return }
    guard kind == .keyValue, parameters.isEmpty, retention == nil, indexOf == nil else {
      throw StoreError(
        .unsupported, "a table's rows mean more than this version knows; open it with a newer Tidemark",
        [
          "table": name, "kind": kind, "retention": retention.map { "\($0)" } ?? "none",
          "index of": indexOf.map { "\($0)" } ?? "none",
        ])
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
}

/// What a record of the table id 0 changes: the store's own records, which every replay must understand.
enum SystemChange {
  /// A table is defined, or defined anew.
  case define(TableRecord)
  /// A table is dropped, with all its rows; its id is never used again.
  case drop(TableRecord)
  /// From here on the formats are of this version, or a later one.
  case format(FormatVersion)

  /// Decodes a record; throws `unsupported` for one of another kind or version.
  init(key: RawSpan, value: RawSpan?) throws(StoreError) {
    guard let value else {
      throw StoreError(
        .unsupported,
        "the changelog deletes a system record, which means nothing to this version; open it with a newer Tidemark")
    }
    if FormatVersion.isKey(key) {
      self = .format(try FormatVersion(value: value))
    } else {
      self.init(try TableRecord(id: try TableRecord.id(ofKey: key), stored: value))
    }
  }

  /// What the record of a table says.
  init(_ record: TableRecord) { self = record.isDropped ? .drop(record) : .define(record) }

  /// The version of the formats that it needs.
  var formatVersion: FormatVersion {
    switch self {
    case .define(let record), .drop(let record): record.formatVersion
    case .format(let version): version
    }
  }

  /// Whether it may come while there is a transaction: tables are defined before there is one.
  var isBesideTransaction: Bool { if case .define = self { false } else { true } }

  /// Appends the key and the value of the record.
  func encode(key: inout ByteWriter, value: inout ByteWriter) {
    switch self {
    case .define(let record), .drop(let record):
      record.encodeKey(into: &key)
      record.encodeValue(into: &value)
    case .format(let version):
      FormatVersion.encodeKey(into: &key)
      version.encodeValue(into: &value)
    }
  }
}
