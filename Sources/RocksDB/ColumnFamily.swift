internal import CRocksDB

/// A handle of a column family: a key space of a database, flushed together with all others.
///
/// It keeps the database open.
@safe
public struct ColumnFamily: ~Copyable {
  let handle: OpaquePointer
  /// Its name.
  public let name: String
  /// RocksDB's number for it, which is never used again.
  public let id: UInt32

  init(taking handle: OpaquePointer) {
    unsafe self.handle = handle
    unsafe name = string(rdb_family_name(handle))
    id = unsafe rdb_family_id(handle)
  }

  deinit { unsafe rdb_family_destroy(handle) }
}

// Proof: the pointer never changes, and RocksDB's handles may be used by any thread.
extension ColumnFamily: @unchecked Sendable {}
