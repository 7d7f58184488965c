internal import CRocksDB

/// The files that the databases of this process hold open.
///
/// Databases get three quarters of the process's limit: eight files each, and the rest for the table files of all
/// together. The least recently read table files are closed, and reopened when they are read. A database that would
/// leave fewer than four table files for each is refused with the code ``RocksDBError/Code/busy``.
public struct OpenFiles: Sendable, Equatable {
  /// How many files the process may have open (`RLIMIT_NOFILE`, `ulimit -n`).
  public var limit: Int
  /// How many databases are open.
  public var databases: Int
  /// How many table files are open.
  public var tableFiles: Int
  /// How many table files may be open; exceeded only while more are being read at the same moment.
  public var tableFileCapacity: Int

  /// The numbers at this moment; any thread may ask.
  public static var current: OpenFiles {
    var files = RDBOpenFiles()
    unsafe rdb_open_files(&files)
    return OpenFiles(
      limit: files.limit, databases: files.databases, tableFiles: files.table_files,
      tableFileCapacity: files.table_file_capacity)
  }
}
