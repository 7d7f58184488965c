internal import Changelog
internal import RocksDB
package import Tidemark

/// The contents of the table files alone, which a crash right now would leave.
///
/// They are read by the documented format, not through the store.
package struct StoredImage: Sendable {
  /// The stored offset.
  package let offset: Offset
  /// The rows of each table's family, by its id.
  package let tables: [TableID: Rows]

  package typealias Rows = [[UInt8]: [UInt8]]

  /// Reads the database of a store that isn't open, or of a copy; throws `invalidArgument` if nothing was stored there.
  package init(of store: String) throws {
    let path = store + "/db"
    let nothing = StoreError(.invalidArgument, "nothing is stored", ["directory": store])
    guard try POSIXStorage().kind(of: path + "/CURRENT") != nil else { throw nothing }
    let names = try RocksDB.Database.columnFamilyNames(at: path)
    let database = try RocksDB.Database.openReadOnly(path, options: DatabaseOptions(), columnFamilies: names)
    var tables: [TableID: Rows] = [:]
    var offset: Offset?
    for name in names {
      guard let family = database.columnFamily(name) else { continue }
      if name == "offsets" {
        let key = Array("state-0".utf8)
        offset = try database.withValue(key.rawSpan, in: family) { value in
          Offset(value.array.reduce(0) { $0 << 8 | Int64($1) })
        }
      } else if let id = UInt32(name.dropFirst("table-".count)) {
        tables[TableID(id)] = try Self.rows(database.makeIterator(in: family))
      }
    }
    guard let offset else { throw nothing }
    self.offset = offset
    self.tables = tables
  }

  private static func rows(_ iterator: consuming RocksDB.Iterator) throws -> Rows {
    var rows: Rows = [:]
    iterator.seekToFirst()
    while iterator.isValid {
      rows[iterator.key.array] = iterator.value.array
      iterator.next()
    }
    try iterator.checkStatus()
    return rows
  }

  /// The rows that a replay of the changelog up to `end` yields, computed here and not by the store; throws `corrupted`
  /// if no commit ends there.
  package static func replay(_ log: any Changelog, to end: Offset) throws -> [TableID: Rows] {
    var tables: [TableID: Rows] = [:]
    let reached = try log.read(from: .zero, to: end) { (commit) throws(StoreError) in
      try commit.records.forEach { (table, key, value) throws(StoreError) in
        guard table != .system else { return }
        tables[table, default: [:]][key.array] = value?.array
      }
      return .next
    }
    guard reached == end else { throw StoreError(.corrupted, "no commit ends at an offset", ["offset": end]) }
    return tables
  }

  /// Whether the image equals the replay of the changelog up to the stored offset: not a key more, not a key less.
  package func isReplay(of log: any Changelog) throws -> Bool {
    let expected = try Self.replay(log, to: offset)
    return tables.filter { !$0.value.isEmpty } == expected.filter { !$0.value.isEmpty }
  }
}
