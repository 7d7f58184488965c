internal import CRocksDB

/// Table files that are written outside of a database, and taken into it in one step: the way past the memtables.
///
/// What wasn't taken is deleted with it.
@safe
public struct Ingestion: ~Copyable {
  private let handle: OpaquePointer

  fileprivate init(taking handle: OpaquePointer) { unsafe self.handle = handle }

  deinit { unsafe rdb_ingestion_destroy(handle) }

  /// Begins the file of a column family at `path`, which ends in `.sst` and is on the database's file system.
  ///
  /// Each column family has at most one file, and each file at least one key.
  public mutating func beginFile(at path: String, for family: borrowing ColumnFamily) throws(RocksDBError) {
    unsafe try check(rdb_ingestion_begin_file(handle, family.handle, path))
  }

  /// Adds a row to the file; its key is greater than the one before.
  public mutating func put(_ key: RawSpan, _ value: RawSpan) throws(RocksDBError) {
    // Proof: RocksDB copies key and value during the call.
    unsafe try check(
      key.lend { key, keyCount in unsafe value.lend { unsafe rdb_ingestion_put(handle, key, keyCount, $0, $1) } })
  }

  /// Adds the deletion of a row to the file; its key is greater than the one before.
  public mutating func delete(_ key: RawSpan) throws(RocksDBError) {
    unsafe try check(key.lend { unsafe rdb_ingestion_delete(handle, $0, $1) })
  }

  /// Takes all files into the database, atomically; they are durable on return.
  ///
  /// After a throw the database shows none of them. No snapshot may be taken meanwhile, and no write may run.
  public consuming func finish() throws(RocksDBError) { unsafe try check(rdb_ingestion_finish(handle)) }
}

extension Database {
  /// Begins table files to be taken into the database.
  public func makeIngestion() throws(RocksDBError) -> Ingestion {
    unsafe Ingestion(taking: try makeHandle { out in unsafe rdb_ingestion_create(handle, out) })
  }
}
