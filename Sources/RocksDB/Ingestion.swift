internal import CRocksDB

/// A table file that is written outside of a database, to be ingested: rows that bypass the memtables.
///
/// The file is deleted with this object, unless it was finished.
@safe
public struct TableFile: ~Copyable {
  private let handle: OpaquePointer

  fileprivate init(taking handle: OpaquePointer) { unsafe self.handle = handle }

  deinit { unsafe rdb_table_file_destroy(handle) }

  /// Adds a row; its key must be greater than the previous one.
  public mutating func put(_ key: RawSpan, _ value: RawSpan) throws(RocksDBError) {
    // Proof: RocksDB copies key and value during the call.
    unsafe try check(
      key.lend { key, keyCount in unsafe value.lend { unsafe rdb_table_file_put(handle, key, keyCount, $0, $1) } })
  }

  /// Adds the deletion of a row; its key must be greater than the previous one.
  public mutating func delete(_ key: RawSpan) throws(RocksDBError) {
    unsafe try check(key.lend { unsafe rdb_table_file_delete(handle, $0, $1) })
  }

  /// Reads every block of a finished file, of any database, and compares its checksum.
  public static func verifyChecksums(at path: String, on fileSystem: ToldFileSystem? = nil) throws(RocksDBError) {
    unsafe try check(rdb_verify_table_file(path, fileSystem?.handle))
  }

  /// Ends the file, which must have a key; on return its contents are durable, its name is not.
  public consuming func finish() throws(RocksDBError) { unsafe try check(rdb_table_file_finish(handle)) }
}

// Proof: a unique owner of the handle, which any thread may use.
extension TableFile: @unchecked Sendable {}

/// Table files that are taken into a database in one step.
@safe
public struct Ingestion: ~Copyable {
  private let handle: OpaquePointer

  fileprivate init(taking handle: OpaquePointer) { unsafe self.handle = handle }

  deinit { unsafe rdb_ingestion_destroy(handle) }

  /// Adds a finished file; the files of a column family must not overlap.
  public mutating func add(_ path: String, to family: borrowing ColumnFamily) throws(RocksDBError) {
    unsafe try check(rdb_ingestion_add(handle, family.handle, path))
  }

  /// Moves all files into the database, atomically; they are durable on return.
  ///
  /// After a throw the database shows none of the files, and they are where they were. No snapshot may be taken and no
  /// write may run during this call.
  public consuming func finish() throws(RocksDBError) { unsafe try check(rdb_ingestion_finish(handle)) }
}

extension Database {
  /// Begins a table file for a column family at `path`, which ends in `.sst` and is on the database's file system.
  ///
  /// Threads may write table files at the same time, each its own.
  public func makeTableFile(
    at path: String, for family: borrowing ColumnFamily
  ) throws(RocksDBError) -> TableFile {
    unsafe TableFile(taking: try makeHandle { out in unsafe rdb_table_file_create(handle, family.handle, path, out) })
  }

  /// Begins to take table files into the database.
  public func makeIngestion() throws(RocksDBError) -> Ingestion {
    unsafe Ingestion(taking: try makeHandle { out in unsafe rdb_ingestion_create(handle, out) })
  }
}
