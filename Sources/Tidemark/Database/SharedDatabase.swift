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
  func tableRecords() throws(StoreError) -> [TableRecord] { try tableRows().filter { !$0.isDropped } }

  /// The definitions of the tables that were ever defined, as far as that was applied.
  func tableRows() throws(StoreError) -> [TableRecord] {
    var records: [TableRecord] = []
    let prefix = OffsetsFamily.tablePrefix
    var rows = handle.makeIterator(in: offsets)
    rows.seek(to: prefix.rawSpan)
    while rows.isValid, rows.key.byteCount > prefix.count, rows.key.extracting(..<prefix.count).equals(prefix.rawSpan) {
      let digits = String(utf8: rows.key.extracting(prefix.count...)) ?? ""
      guard let id = UInt32(digits) else {
        throw StoreError(.corrupted, "a table's row has an impossible key; rebuild the store from its changelog")
      }
      records.append(try TableRecord(id: TableID(id), stored: rows.value))
      rows.next()
    }
    try mappingErrors(to: "the tables' rows can't be read") { () throws(RocksDBError) in try rows.checkStatus() }
    return records
  }

  /// The version of the formats, as far as was applied; `nil` before anything was.
  ///
  /// Throws `unsupported` for a later one than is known.
  func formatVersion() throws(StoreError) -> FormatVersion? {
    guard let row = try row(OffsetsFamily.formatKey) else { return nil }
    return try FormatVersion(value: row.rawSpan)
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
