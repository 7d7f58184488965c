internal import RocksDB

/// A snapshot of the database.
final class DatabaseSnapshot: Sendable {
  let handle: RocksDB.Snapshot

  init(_ database: SharedDatabase) { handle = database.handle.makeSnapshot() }
}

/// What lies under the runs: the database, at a snapshot or as it is at each moment.
///
/// All reads of table files go through these two calls.
struct DatabaseVersion: Sendable {
  let database: SharedDatabase
  /// `nil`: as it is at each moment.
  var snapshot: DatabaseSnapshot?

  /// What a key of a table has.
  @inline(__always)
  func find(_ key: RawSpan, in table: OpenTable) throws(StoreError) -> FoundValue {
    do throws(RocksDBError) {
      if let snapshot { return FoundValue(try database.handle.pin(key, in: table.family, at: snapshot.handle)) }
      return FoundValue(try database.handle.pin(key, in: table.family))
    } catch {
      throw StoreError(error, "a read failed")
    }
  }

  /// Steps over the rows of a table.
  func makeIterator(in table: OpenTable) -> RocksDB.Iterator {
    if let snapshot { return database.handle.makeIterator(in: table.family, at: snapshot.handle) }
    return database.handle.makeIterator(in: table.family)
  }

  /// Finds many keys of a table at once: calls `body` with the index of each and its value, `nil` if it has none.
  func withValues(
    _ keys: borrowing RocksDB.KeyList, in table: OpenTable, _ body: (_ index: Int, _ value: RawSpan?) -> Void
  ) throws(StoreError) {
    try mappingErrors(to: "a read failed") { () throws(RocksDBError) in
      if let snapshot {
        try database.handle.withValues(keys, in: table.family, at: snapshot.handle, body)
      } else {
        try database.handle.withValues(keys, in: table.family, body)
      }
    }
  }
}
