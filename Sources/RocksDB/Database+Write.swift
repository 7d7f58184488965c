internal import CRocksDB

/// What RocksDB's own write-ahead log does with a write.
public enum WriteAheadLog: Sendable {
  /// Nothing: the write is durable once it was flushed.
  case off
  /// It is written, and survives the end of the process.
  case unsynced
  /// It is written and synced, and survives a loss of power.
  case synced

  var value: Int32 {
    switch self {
    case .off: Int32(RDBLogOff)
    case .unsynced: Int32(RDBLogUnsynced)
    case .synced: Int32(RDBLogSynced)
    }
  }
}

extension Database {
  /// Applies a batch, all of it or nothing; the batch stays as it is.
  ///
  /// A batch with a column family that was dropped, or of another database, is refused.
  public func write(_ batch: borrowing WriteBatch, log: WriteAheadLog) throws(RocksDBError) {
    unsafe try check(rdb_write(handle, batch.handle, log.value))
  }

  /// Applies an indexed batch, all of it or nothing; the batch stays as it is.
  ///
  /// A batch with a column family that was dropped, or of another database, is refused.
  public func write(_ batch: borrowing IndexedWriteBatch, log: WriteAheadLog) throws(RocksDBError) {
    unsafe try check(rdb_write_indexed(handle, batch.handle, log.value))
  }

  /// Flushes the memtables of all column families, atomically.
  ///
  /// With `wait` they are durable on return. It must run alone: a column family that is empty when the flush starts and
  /// gets a write meanwhile can be left out (facebook/rocksdb#11148, fixed in 8.1).
  public func flush(wait: Bool = true) throws(RocksDBError) { unsafe try check(rdb_flush(handle, wait)) }

  /// Makes a copy of the database in a directory that doesn't exist yet, with hard links where that is possible.
  ///
  /// If a memtable holds something it flushes first, so like ``flush(wait:)`` it must run alone.
  public func checkpoint(to path: String) throws(RocksDBError) { unsafe try check(rdb_checkpoint(handle, path)) }
}
