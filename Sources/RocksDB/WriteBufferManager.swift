internal import CRocksDB

/// One limit for the memtables of many databases.
///
/// Passing it makes RocksDB flush; it never makes a writer wait, since a stall behind a database that is idle would
/// not end.
@safe
public final class WriteBufferManager: Sendable {
  // Proof: the pointer never changes, and RocksDB's manager may be used by any thread.
  nonisolated(unsafe) let handle: OpaquePointer

  /// Makes a manager of `bufferBytes`; with a cache, the memtables count against that as well.
  public init(bufferBytes: Int, cache: BlockCache? = nil) {
    precondition(bufferBytes >= 0)
    unsafe handle = requireHandle { out in unsafe rdb_write_buffer_manager_create(bufferBytes, cache?.handle, out) }
  }

  deinit { unsafe rdb_write_buffer_manager_destroy(handle) }

  /// How many bytes the memtables take.
  public var usedBytes: Int { unsafe rdb_write_buffer_manager_used_bytes(handle) }
}
