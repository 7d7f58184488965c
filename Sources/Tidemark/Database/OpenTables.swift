internal import RocksDB

/// An open table: its definition and its column family.
@usableFromInline
final class OpenTable: Sendable {
  let record: TableRecord
  let family: RocksDB.ColumnFamily
  /// The codecs of its declaration; `nil` for a table that isn't declared.
  let codecTypes: CodecTypes?

  init(record: TableRecord, family: consuming RocksDB.ColumnFamily, codecTypes: CodecTypes? = nil) {
    self.record = record
    self.codecTypes = codecTypes
    self.family = family
  }

  var id: TableID { record.id }
  var name: String { record.name }
}

/// The tables that a store was opened with.
///
/// A separate object, which views and transactions retain: without weak references, retaining it is cheaper.
@usableFromInline
final class OpenTables: Sendable {
  let all: [OpenTable]

  init(_ tables: [OpenTable]) { all = tables }

  /// The open table of a declaration.
  ///
  /// Throws `invalidArgument` if it wasn't declared at open, and `schemaMismatch` if it was declared with other codecs.
  @inlinable
  func table<K, V>(_ table: Table<K, V>) throws(StoreError) -> OpenTable {
    if let open = find(table.name, CodecTypes(key: K.self, value: V.self)) { return open }
    return try checked(table)
  }

  /// The open table of a name, if it was declared with these codecs.
  @usableFromInline
  func find(_ name: String, _ codecTypes: CodecTypes) -> OpenTable? {
    // A store has a few tables; comparing names that short is faster than hashing one.
    for open in all where open.codecTypes == codecTypes && open.name == name { return open }
    return nil
  }

  /// The open table of a declaration whose codecs have other types, but perhaps the same formats (JSON of two structures).
  @usableFromInline
  func checked(_ table: any TableDefinition) throws(StoreError) -> OpenTable {
    for open in all where open.name == table.name {
      if open.record.keyFormat == table.keyFormat, open.record.valueFormat == table.valueFormat { return open }
      throw StoreError(
        .schemaMismatch, "the table was declared with other codecs when the store was opened",
        [
          "table": table.name, "declared": "\(open.record.keyFormat) -> \(open.record.valueFormat)",
          "used": "\(table.keyFormat) -> \(table.valueFormat)",
        ])
    }
    throw StoreError(
      .invalidArgument, "the table wasn't declared when the store was opened; pass it in `tables`",
      ["table": table.name])
  }
}
