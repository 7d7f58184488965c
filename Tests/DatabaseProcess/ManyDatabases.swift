import Glibc
import RocksDB

/// Many databases in one process that may have few files open.
struct ManyDatabases {
  private static let families = ["first", "second"]
  /// Table files of each family of each database.
  private static let filesPerFamily = 8

  private let path: String
  private let fileLimit: Int

  init(_ path: String, fileLimit: Int) {
    (self.path, self.fileLimit) = (path, fileLimit)
    var limit = rlimit(rlim_cur: rlim_t(fileLimit), rlim_max: rlim_t(fileLimit))
    guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { fail("no limit: \(errno)") }
    guard unsafe mkdir(path, 0o700) == 0 else { fail("no directory: \(errno)") }
  }

  /// Opens `count` databases, fills and reads each, and prints the descriptors, files and threads used.
  func run(count: Int) throws {
    let (descriptors, threads) = (Self.entries("/proc/self/fd"), Self.entries("/proc/self/task"))
    var open: [Held] = []
    for index in 0..<count {
      let held = Held(try Database.open("\(path)/\(index)", options: options(), columnFamilies: []))
      try held.database.createColumnFamilies(Self.families)
      open.append(held)
    }
    let idle = Self.entries("/proc/self/fd") - descriptors
    var most = 0
    let files = try Self.families.map {
      try open[0].database.writeFiles("\(path)/\($0)", $0, count: Self.filesPerFamily)
    }
    for held in open {
      try ingestCopies(of: files, into: held.database)
      most = max(most, Self.entries("/proc/self/fd"))
    }
    for held in open + open.reversed() {
      for family in Self.families where held.database.countRows(family: family) != 100 * Self.filesPerFamily {
        fail("rows are missing")
      }
      most = max(most, Self.entries("/proc/self/fd"))
    }
    let pool = OpenFiles.current
    print(
      "databases \(pool.databases) idle \(idle) most \(most) tableFiles \(pool.tableFiles) capacity",
      "\(pool.tableFileCapacity) threads \(Self.entries("/proc/self/task") - threads)")
  }

  /// Ingests hard links to the files, family by family.
  private func ingestCopies(of files: [[String]], into database: borrowing Database) throws {
    var ingestion = try database.makeIngestion()
    for (name, files) in zip(Self.families, files) {
      guard let family = database.columnFamily(name) else { fail("no family") }
      for (number, file) in files.enumerated() {
        let copy = "\(path)/\(name)-\(number)-copy.sst"
        guard unsafe link(file, copy) == 0 else { fail("no link: \(errno)") }
        try ingestion.add(copy, to: family)
      }
    }
    try ingestion.finish()
  }

  /// Opens databases until one is refused.
  func runOut() throws {
    var open: [Held] = []
    do throws(RocksDBError) {
      while open.count < fileLimit {
        open.append(Held(try Database.open("\(path)/\(open.count)", options: options(), columnFamilies: [])))
      }
    } catch {
      for held in open { try held.database.fill(path + "/rows", files: 3) }
      print("\(open.count) \(error)")
      // Closing one makes room for another; alone, that one can use more files than the process may have open.
      open.removeLast()
      let last = Held(try Database.open(path + "/last", options: options(), columnFamilies: []))
      open.removeAll()
      for _ in 0..<2 * fileLimit { try last.database.fill(path + "/rows", files: 1) }
      let pool = OpenFiles.current
      if last.database.countRows() != 100 || pool.tableFiles > pool.tableFileCapacity { fail("\(pool)") }
    }
  }

  private func options() -> DatabaseOptions {
    var options = DatabaseOptions()
    options.columnFamilyOverrides = ["level0_file_num_compaction_trigger": "100"]
    return options
  }

  /// The number of entries in a directory.
  private static func entries(_ path: String) -> Int {
    guard let directory = unsafe opendir(path) else { return 0 }
    defer { unsafe closedir(directory) }
    var count = 0
    while unsafe readdir(directory) != nil { count += 1 }
    return count
  }
}

/// Holds a database, so that it can be stored in an array.
private final class Held {
  let database: Database

  init(_ database: consuming Database) { self.database = database }
}
