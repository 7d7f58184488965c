package import Changelog

/// How a table is known to the changelog and, as a row of `offsets` with the same value, to the store.
package typealias TableRecord = TableDescriptor

extension TableDescriptor {
  /// Ids are assigned once, so the family of a table that comes later can't meet what an earlier one left.
  var familyName: String { Self.familyName(id) }
  static func familyName(_ id: TableID) -> String { "table-\(id)" }

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
  case drop(TableID)

  /// Decodes a record; throws `unsupported` for one of another kind or version.
  init(key: RawSpan, value: RawSpan?) throws(StoreError) {
    let id = try TableRecord.id(ofKey: key)
    self = if let value { .define(try TableRecord(id: id, value: value)) } else { .drop(id) }
  }
}
