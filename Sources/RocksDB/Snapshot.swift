internal import CRocksDB

/// The state of a database at one moment.
///
/// It keeps the database open, and keeps compactions from dropping what it shows.
@safe
public struct Snapshot: ~Copyable {
  let handle: OpaquePointer

  init(taking handle: OpaquePointer) { unsafe self.handle = handle }

  deinit { unsafe rdb_snapshot_destroy(handle) }
}

// Proof: the pointer never changes, and RocksDB's snapshots may be used by any thread.
extension Snapshot: @unchecked Sendable {}
