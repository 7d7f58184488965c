internal import CRocksDB

/// A write batch that can be read: of each key it shows the last change.
///
/// It must not change while an iterator over it lives; that stops the program. Keys and values are smaller than 4 GiB.
@safe
public struct IndexedWriteBatch: ~Copyable {
  let handle: OpaquePointer

  /// Makes an empty batch with room for `reserveBytes`.
  public init(reserveBytes: Int = 0) {
    unsafe handle = requireHandle { out in unsafe rdb_indexed_batch_create(max(0, reserveBytes), out) }
  }

  deinit { unsafe rdb_indexed_batch_destroy(handle) }

  /// Changes a key.
  public mutating func put(_ key: RawSpan, _ value: RawSpan, in family: borrowing ColumnFamily) {
    let family = unsafe family.handle
    // Proof: the family is borrowed, and RocksDB copies key and value during the call.
    unsafe require(
      key.lend { key, keyCount in
        unsafe value.lend { unsafe rdb_indexed_batch_put(handle, family, key, keyCount, $0, $1) }
      })
  }

  /// Deletes a key.
  public mutating func delete(_ key: RawSpan, in family: borrowing ColumnFamily) {
    let family = unsafe family.handle
    unsafe require(key.lend { unsafe rdb_indexed_batch_delete(handle, family, $0, $1) })
  }

  /// Empties it, and forgets its savepoints.
  public mutating func clear() { unsafe require(rdb_indexed_batch_clear(handle)) }

  /// How many changes it holds; each change of a key counts.
  public var count: Int { unsafe rdb_indexed_batch_count(handle) }

  /// How many bytes its changes take, those that were overwritten included.
  public var byteCount: Int { unsafe rdb_indexed_batch_byte_count(handle) }

  /// Remembers what it holds; savepoints nest.
  public mutating func setSavepoint() { unsafe require(rdb_indexed_batch_set_savepoint(handle)) }

  /// Drops what came after the last savepoint, and the savepoint; there must be one.
  ///
  /// It takes O(*n* log *n*) in the number of changes that stay.
  public mutating func rollBackToSavepoint() { unsafe require(rdb_indexed_batch_roll_back_to_savepoint(handle)) }

  /// Forgets the last savepoint and keeps what came after it; there must be one.
  public mutating func popSavepoint() { unsafe require(rdb_indexed_batch_pop_savepoint(handle)) }
}

// Proof: a unique owner; what may run at the same time is reads and writes of it: reads don't change RocksDB's index,
// and the shim lets one write at a time.
extension IndexedWriteBatch: @unchecked Sendable {}
