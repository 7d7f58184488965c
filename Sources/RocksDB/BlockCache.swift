internal import CRocksDB

/// An LRU cache of uncompressed blocks, which databases can share.
///
/// It lives as long as this object or a database that uses it.
@safe
public final class BlockCache: Sendable {
  // Proof: the pointer never changes, and RocksDB's cache may be used by any thread.
  nonisolated(unsafe) let handle: OpaquePointer

  /// Makes a cache of `capacityBytes`.
  public init(capacityBytes: Int) {
    precondition(capacityBytes >= 0)
    unsafe handle = requireHandle { out in unsafe rdb_cache_create(capacityBytes, out) }
  }

  deinit { unsafe rdb_cache_destroy(handle) }

  /// How many bytes the blocks take.
  public var usedBytes: Int { unsafe rdb_cache_used_bytes(handle) }

  /// How many bytes the cache may take; blocks in use are not dropped, so it can exceed this for a while.
  public var capacityBytes: Int { unsafe rdb_cache_capacity_bytes(handle) }

  /// Sets how many bytes the cache may take; drops unused blocks beyond that at once.
  public func setCapacity(_ bytes: Int) {
    precondition(bytes >= 0)
    unsafe rdb_cache_set_capacity(handle, bytes)
  }
}
