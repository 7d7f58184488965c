internal import CRocksDB

/// How a database is opened; the same at each open.
///
/// Fixed: no automatic recovery from background errors; paranoid checks; a Bloom filter of 10 bits a key; XXH3
/// checksums; LZ4 if RocksDB has it; no OPTIONS file; at most 4,096 table readers in memory, some made by the open.
public struct DatabaseOptions: Sendable {
  /// Whether to make a database in a directory that has none.
  public var createIfMissing = true
  /// How many flushes and compactions may run at the same time.
  public var maxBackgroundJobs = 2
  /// The cache of blocks, indexes and filters; without one the database makes its own, of RocksDB's default size.
  public var blockCache: BlockCache?
  /// The file system of the database; `nil`: the operating system's, without an observer.
  public var fileSystem: ToldFileSystem?
  /// Options of the database by RocksDB's names.
  public var overrides: [String: String] = [:]
  /// Options of every column family by RocksDB's names.
  public var columnFamilyOverrides: [String: String] = [:]
  /// Called after each compaction, on RocksDB's threads; it must not wait for the database.
  public var onCompactionCompleted: (@Sendable () -> Void)?
  /// Called when a compaction failed and RocksDB will repeat it, on RocksDB's threads; it must not wait for the
  /// database.
  public var onCompactionFailed: (@Sendable (RocksDBError) -> Void)?
  /// Called when work in the background failed in any other way, on RocksDB's threads; it must not wait for the database.
  ///
  /// The database takes no more writes.
  public var onBackgroundError: (@Sendable (RocksDBError) -> Void)?
  /// Called when RocksDB begins or ceases to slow down or stop the writes of the column family `family`.
  ///
  /// It runs on RocksDB's threads and on threads that ingest files; it must not wait for the database.
  public var onStallChanged: (@Sendable (_ family: String, WriteStall) -> Void)?
  /// Released once the database is closed: not with its ``Database``, but after the last object that keeps it open.
  public var keptUntilClosed: (any AnyObject & Sendable)?

  /// Makes the default options.
  public init() {}

  /// Names that can't be overridden: the promises of ``Database`` rest on them, or they have a property of their own.
  static let fixedNames: Set<String> = [
    "atomic_flush", "max_bgerror_resume_count", "paranoid_checks", "avoid_flush_during_recovery",
    "avoid_flush_during_shutdown", "create_if_missing", "create_missing_column_families", "error_if_exists",
    "comparator", "fail_if_options_file_error",
  ]

  /// Makes the shim's options for the column families named.
  func withHandle<R>(
    _ columnFamilies: [String], _ body: (OpaquePointer) throws(RocksDBError) -> R
  ) throws(RocksDBError) -> R {
    let names = overrides.keys.sorted() + columnFamilyOverrides.keys.sorted()
    if let name = names.first(where: Self.fixedNames.contains) {
      throw RocksDBError(.invalidArgument, message: "option \(name) is fixed")
    }
    let hooks = unsafe Hooks(self).handle
    let options = unsafe try makeHandle { out in
      unsafe rdb_options_create(
        createIfMissing, Int32(clamping: maxBackgroundJobs), blockCache?.handle, fileSystem?.handle, hooks, out)
    }
    // Proof: the handle is used only up to here.
    defer { unsafe rdb_options_destroy(options) }
    for (name, value) in overrides.sorted(by: { $0.key < $1.key }) {
      unsafe try check(rdb_options_override_database(options, name, value))
    }
    for (name, value) in columnFamilyOverrides.sorted(by: { $0.key < $1.key }) {
      unsafe try check(rdb_options_override_family(options, name, value))
    }
    for name in columnFamilies { unsafe try check(rdb_options_add_family(options, name)) }
    return unsafe try body(options)
  }
}
