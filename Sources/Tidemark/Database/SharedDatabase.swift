internal import Changelog
internal import RocksDB

/// The database of a store and its offsets family, shared by all that read and write it.
final class SharedDatabase: Sendable {
  let handle: RocksDB.Database
  let offsets: RocksDB.ColumnFamily

  /// Takes an opened database; makes the offsets family if there is none and `create` allows.
  init(_ handle: consuming RocksDB.Database) throws(StoreError) {
    let offsets: RocksDB.ColumnFamily
    do throws(RocksDBError) {
      if let family = handle.columnFamily(OffsetsFamily.name) {
        offsets = family
      } else {
        offsets = try handle.createColumnFamily(OffsetsFamily.name)
      }
    } catch {
      throw StoreError(error, "the offsets family can't be made")
    }
    self.offsets = offsets
    self.handle = handle
  }

  /// The family of that name, made if there is none.
  func family(_ name: String) throws(StoreError) -> RocksDB.ColumnFamily {
    if let family = handle.columnFamily(name) { return family }
    return try mappingErrors(to: "a column family can't be made", ["family": name]) { () throws(RocksDBError) in
      try handle.createColumnFamily(name)
    }
  }

  /// The committed state of `offsets`; `nil` before there was one.
  func state() throws(StoreError) -> CommittedState? {
    let key = OffsetsFamily.commitKey
    let row = try mappingErrors(to: "the stored offset can't be read") { () throws(RocksDBError) in
      try handle.withValue(key.rawSpan, in: offsets, OffsetsFamily.decodeCommit)
    }
    guard let row else { return nil }
    guard let state = row else {
      throw StoreError(.corrupted, "the stored offset's row is damaged; rebuild the store from its changelog")
    }
    return state
  }

  /// The definitions of the tables that were applied.
  func tableRecords() throws(StoreError) -> [TableRecord] { try tableRows().compactMap(\.record) }

  /// The tables that were ever defined, as far as that was applied; those that were dropped have no record.
  func tableRows() throws(StoreError) -> [(id: TableID, record: TableRecord?)] {
    var records: [(TableID, TableRecord?)] = []
    let prefix = OffsetsFamily.tablePrefix
    var rows = handle.makeIterator(in: offsets)
    rows.seek(to: prefix.rawSpan)
    while rows.isValid, rows.key.byteCount > prefix.count, rows.key.extracting(..<prefix.count).equals(prefix.rawSpan) {
      let digits = String(utf8: rows.key.extracting(prefix.count...)) ?? ""
      guard let id = UInt32(digits) else {
        throw StoreError(.corrupted, "a table's row has an impossible key; rebuild the store from its changelog")
      }
      let isDropped = rows.value.byteCount == 0
      records.append((TableID(id), isDropped ? nil : try TableRecord(id: TableID(id), value: rows.value)))
      rows.next()
    }
    try mappingErrors(to: "the tables' rows can't be read") { () throws(RocksDBError) in try rows.checkStatus() }
    return records
  }

  /// A number that RocksDB tells of a family; 0 where it tells none.
  func integerProperty(_ name: String, in family: borrowing RocksDB.ColumnFamily) -> Int {
    handle.integerProperty(name, in: family).map { Int($0) } ?? 0
  }

  /// A row of `offsets`, copied.
  func row(_ key: [UInt8]) throws(StoreError) -> [UInt8]? {
    try mappingErrors(to: "a row of the offsets family can't be read") { () throws(RocksDBError) in
      try handle.withValue(key.rawSpan, in: offsets) { $0.array }
    }
  }
}
