import RocksDB
import Testing
import Tidemark

/// What table files alone hold, read as `docs` describe the format and not through the store: what a crash right now would
/// leave.
struct StoredImage {
  /// The stored offset.
  let offset: Offset
  /// The rows of each table's family, by its id.
  let tables: [TableID: [[UInt8]: [UInt8]]]

  typealias Rows = [[UInt8]: [UInt8]]

  /// Reads the database of a store that isn't open, or of a copy.
  init(of store: String) throws {
    let path = store + "/db"
    let names = try RocksDB.Database.columnFamilyNames(at: path)
    let database = try RocksDB.Database.openReadOnly(path, options: DatabaseOptions(), columnFamilies: names)
    var tables: [TableID: Rows] = [:]
    var offset: Offset?
    for name in names {
      guard let family = database.columnFamily(name) else { continue }
      if name == "offsets" {
        let key = Array("state-0".utf8)
        offset = try database.withValue(key.rawSpan, in: family) { Offset(Int64(bigEndianBytes: $0)) }
      } else if let id = UInt32(name.dropFirst("table-".count)) {
        tables[TableID(id)] = try Self.rows(database.makeIterator(in: family))
      }
    }
    self.offset = try #require(offset)
    self.tables = tables
  }

  private static func rows(_ iterator: consuming RocksDB.Iterator) throws -> Rows {
    var rows: Rows = [:]
    iterator.seekToFirst()
    while iterator.isValid {
      rows[iterator.key.bytes] = iterator.value.bytes
      iterator.next()
    }
    try iterator.checkStatus()
    return rows
  }

  /// The rows that the replay of a changelog's prefix leads to, folded here and not by the store.
  static func replay(_ log: any Changelog, to end: Offset) throws -> [TableID: Rows] {
    var tables: [TableID: Rows] = [:]
    let reached = try log.read(from: .zero, to: end) { (commit) throws(StoreError) in
      try commit.records.forEach { (table, key, value) throws(StoreError) in
        guard table != .system else { return }
        tables[table, default: [:]][key.bytes] = value?.bytes
      }
      return .next
    }
    #expect(reached == end)
    return tables
  }

  /// Whether it is the replay of the changelog up to the stored offset: not a key more, not a key less.
  func isReplay(of log: any Changelog) throws -> Bool {
    let expected = try Self.replay(log, to: offset)
    return tables.filter { !$0.value.isEmpty } == expected.filter { !$0.value.isEmpty }
  }
}

extension RawSpan {
  /// A copy.
  var bytes: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }
}

extension Int64 {
  init(bigEndianBytes bytes: RawSpan) { self = bytes.bytes.reduce(0) { $0 << 8 | Int64($1) } }
}
