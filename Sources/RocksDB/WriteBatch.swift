internal import CRocksDB

/// Changes of any column families that are applied together.
///
/// Keys and values are smaller than 4 GiB.
@safe
public struct WriteBatch: ~Copyable {
  let handle: OpaquePointer

  /// Makes an empty batch with room for `reserveBytes`.
  public init(reserveBytes: Int = 0) {
    unsafe handle = requireHandle { out in unsafe rdb_batch_create(max(0, reserveBytes), out) }
  }

  deinit { unsafe rdb_batch_destroy(handle) }

  /// Appends a change of a key.
  public mutating func put(_ key: RawSpan, _ value: RawSpan, in family: borrowing ColumnFamily) {
    let family = unsafe family.handle
    // Proof: the family is borrowed, and RocksDB copies key and value during the call.
    unsafe require(
      key.lend { key, keyCount in
        unsafe value.lend { unsafe rdb_batch_put(handle, family, key, keyCount, $0, $1) }
      })
  }

  /// Appends the deletion of a key.
  public mutating func delete(_ key: RawSpan, in family: borrowing ColumnFamily) {
    let family = unsafe family.handle
    unsafe require(key.lend { unsafe rdb_batch_delete(handle, family, $0, $1) })
  }

  /// Empties it and keeps the storage.
  public mutating func clear() { unsafe rdb_batch_clear(handle) }

  /// How many changes it holds.
  public var count: Int { unsafe rdb_batch_count(handle) }

  /// How many bytes its changes take.
  public var byteCount: Int { unsafe rdb_batch_byte_count(handle) }
}

// Proof: a unique owner; what may run at the same time is reads and writes of it, and the shim lets one write at a time.
extension WriteBatch: @unchecked Sendable {}
