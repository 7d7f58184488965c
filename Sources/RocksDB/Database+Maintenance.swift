internal import CRocksDB

extension Database {
  /// Reads every block of every SST file and compares its checksum.
  public func verifyChecksums() throws(RocksDBError) { unsafe try check(rdb_verify_checksums(handle)) }

  /// Makes a copy of the database in a directory that doesn't exist yet, with hard links where that is possible.
  public func checkpoint(to path: String) throws(RocksDBError) { unsafe try check(rdb_checkpoint(handle, path)) }

  /// Has the files of a column family compacted in the background, except those of the lowest level; does nothing if
  /// that is impossible.
  public func suggestCompaction(of family: borrowing ColumnFamily) {
    unsafe rdb_suggest_compaction(handle, family.handle)
  }

  /// When the files of a column family are merged into one.
  public struct SmallFiles: Sendable {
    /// At least this many files.
    public var fileCount: Int
    /// Their mean size is at most this.
    public var bytesPerFile: Int
    /// Their total size is at most this.
    public var bytes: Int

    /// All three must hold.
    public init(fileCount: Int, bytesPerFile: Int, bytes: Int) {
      self.fileCount = fileCount
      self.bytesPerFile = bytesPerFile
      self.bytes = bytes
    }
  }

  /// Merges all files of a column family into one on this thread, if they are many and small.
  ///
  /// RocksDB never merges files of the lowest level with one another, and an ingested file with keys of its own goes
  /// there. Does nothing during another compaction of the family. A failure is reported to `onCompactionFailed` or
  /// `onBackgroundError`, and leaves the files as they are.
  public func mergeSmallFiles(of family: borrowing ColumnFamily, _ when: SmallFiles) {
    unsafe rdb_merge_small_files(
      handle, family.handle, UInt64(when.fileCount), UInt64(when.bytesPerFile), UInt64(when.bytes))
  }

  /// A property by RocksDB's name, such as `rocksdb.levelstats`; nil if RocksDB has none of this name.
  public func property(_ name: String, in family: borrowing ColumnFamily) -> String? {
    unsafe (try? takeStrings { out in unsafe rdb_property(handle, family.handle, name, out) })?.first
  }

  /// A numeric property by RocksDB's name, such as `rocksdb.estimate-num-keys`; nil if RocksDB has none of this name.
  public func integerProperty(_ name: String, in family: borrowing ColumnFamily) -> UInt64? {
    var value: UInt64 = 0
    return unsafe rdb_integer_property(handle, family.handle, name, &value) ? value : nil
  }

  /// The sum of a numeric property over all column families; nil if RocksDB has none of this name.
  public func summedProperty(_ name: String) -> UInt64? {
    var value: UInt64 = 0
    return unsafe rdb_summed_property(handle, name, &value) ? value : nil
  }

  /// The options in effect, by RocksDB's names after a prefix.
  ///
  /// `db.` is the database, `cf.` its `default` column family (all have the same), `cf.table_factory.` its SST files.
  public func effectiveOptions() throws(RocksDBError) -> [String: String] {
    let strings = unsafe try takeStrings { out in unsafe rdb_effective_options(handle, out) }
    var options: [String: String] = [:]
    for index in stride(from: 0, to: strings.count, by: 2) { options[strings[index]] = strings[index + 1] }
    return options
  }
}
