internal import CRocksDB

/// An open database, which is written by ingesting table files (``makeIngestion()``) and in no other way.
///
/// Any thread may use it. Column families, snapshots and iterators keep it open: it closes, and its lock is
/// released, when the last of them is gone. If another program left records in RocksDB's log, opening the database
/// flushes them to table files. From then on the memtables and the log stay empty.
///
/// Once the process begins to exit, calls throw `shutdownInProgress`, and a database that is still open is never
/// closed. Exit waits for calls under way, half a minute at most, and for work in the background, which stops.
///
/// After a failed write of the MANIFEST, every ingestion and checkpoint throws that first error until the database is
/// opened again; reads go on.
@safe
public struct Database: ~Copyable {
  let handle: OpaquePointer

  init(taking handle: OpaquePointer) { unsafe self.handle = handle }

  deinit { unsafe rdb_close(handle) }

  /// Opens a database for reading and writing, and locks it.
  ///
  /// All its column families must be named; `default` is added if it is missing. Throws `busy` if the process's limit
  /// of open files is too low (``OpenFiles``).
  public static func open(
    _ path: String, options: DatabaseOptions, columnFamilies: [String]
  ) throws(RocksDBError) -> Database {
    try open(path, options, columnFamilies, readOnly: false)
  }

  /// Opens the state that is in the files of a database, without a lock, and changes nothing in its directory.
  ///
  /// Column families may be left out. If another process writes to the database meanwhile, files can disappear.
  public static func openReadOnly(
    _ path: String, options: DatabaseOptions, columnFamilies: [String]
  ) throws(RocksDBError) -> Database {
    try open(path, options, columnFamilies, readOnly: true)
  }

  private static func open(
    _ path: String, _ options: DatabaseOptions, _ columnFamilies: [String], readOnly: Bool
  ) throws(RocksDBError) -> Database {
    let names = columnFamilies.contains("default") ? columnFamilies : ["default"] + columnFamilies
    let handle = unsafe try options.withHandle(names) { (options) throws(RocksDBError) in
      unsafe try makeHandle { out in unsafe rdb_open(path, options, readOnly, out) }
    }
    return unsafe Database(taking: handle)
  }

  /// The names of the column families of a database, which need not be open.
  public static func columnFamilyNames(
    at path: String, on fileSystem: ToldFileSystem? = nil
  ) throws(RocksDBError) -> [String] {
    unsafe try takeStrings { out in unsafe rdb_list_families(path, fileSystem?.handle, out) }
  }

  /// A handle of an open column family; nil if none has this name.
  public func columnFamily(_ name: String) -> ColumnFamily? {
    guard let family = unsafe rdb_family(handle, name) else { return nil }
    return unsafe ColumnFamily(taking: family)
  }

  /// Makes a column family; it is durable on return.
  public func createColumnFamily(_ name: String) throws(RocksDBError) -> ColumnFamily {
    unsafe ColumnFamily(taking: try makeHandle { out in unsafe rdb_family_create(handle, name, out) })
  }

  /// Makes column families, faster than one by one; they are durable on return.
  ///
  /// After a throw some of them may exist.
  public func createColumnFamilies(_ names: [String]) throws(RocksDBError) {
    if names.isEmpty { return }
    var bytes = ContiguousArray<CChar>()
    for name in names { bytes.append(contentsOf: name.utf8CString) }
    // Proof: each name ends with its zero, and the shim copies them during the call.
    unsafe try check(bytes.withUnsafeBufferPointer { unsafe rdb_families_create(handle, $0.baseAddress!, names.count) })
  }

  /// Drops a column family; its data is deleted when its last handle and iterator are gone.
  public func dropColumnFamily(_ family: borrowing ColumnFamily) throws(RocksDBError) {
    unsafe try check(rdb_family_drop(handle, family.handle))
  }

  /// Gives up this handle; the database closes once its column families, snapshots and iterators are gone as well.
  public consuming func close() {}
}

// Proof: the pointer never changes, and RocksDB's database may be used by any thread.
extension Database: @unchecked Sendable {}

/// A handle of a column family: a key space of a database.
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
