internal import CRocksDB

extension Database {
  /// Reads every block of every SST file and compares its checksum.
  public func verifyChecksums() throws(RocksDBError) { unsafe try check(rdb_verify_checksums(handle)) }

  /// Makes a copy of the database in a directory that doesn't exist yet, with hard links where that is possible.
  public func checkpoint(to path: String) throws(RocksDBError) { unsafe try check(rdb_checkpoint(handle, path)) }

  /// A property by RocksDB's name, as `rocksdb.levelstats`; nil if it has none of this name.
  public func property(_ name: String, in family: borrowing ColumnFamily) -> String? {
    unsafe (try? takeStrings { out in unsafe rdb_property(handle, family.handle, name, out) })?.first
  }

  /// A property that is a number, by RocksDB's name, as `rocksdb.estimate-num-keys`; nil if it has none of this name.
  public func integerProperty(_ name: String, in family: borrowing ColumnFamily) -> UInt64? {
    var value: UInt64 = 0
    return unsafe rdb_integer_property(handle, family.handle, name, &value) ? value : nil
  }

  /// The sum over all column families of a property that is a number; nil if they have none of this name.
  public func summedProperty(_ name: String) -> UInt64? {
    var value: UInt64 = 0
    return unsafe rdb_summed_property(handle, name, &value) ? value : nil
  }

  /// The options in effect, by RocksDB's names after a prefix.
  ///
  /// `db.` is the database, `cf.` its `default` column family, which has what all have, `cf.table_factory.` its SST files.
  public func effectiveOptions() throws(RocksDBError) -> [String: String] {
    let strings = unsafe try takeStrings { out in unsafe rdb_effective_options(handle, out) }
    var options: [String: String] = [:]
    for index in stride(from: 0, to: strings.count, by: 2) { options[strings[index]] = strings[index + 1] }
    return options
  }
}
