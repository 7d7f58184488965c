import Foundation
import RocksDB
import Testing

@Suite struct DatabaseTests {
  let directory = TemporaryDirectory()

  @Test func `a missing database is an invalid argument unless it may be created`() throws {
    var options = DatabaseOptions()
    options.createIfMissing = false
    let error = try #require(
      failure { _ = try Database.open(directory.child("db"), options: options, columnFamilies: []) })
    #expect(error.code == .invalidArgument)
    #expect(error.message.contains("does not exist"))
    #expect("\(error)".contains("[invalidArgument"))
  }

  @Test func `a second opener is told who holds the lock`() throws {
    let path = directory.child("db")
    let database = try Database.open(path, options: .init(), columnFamilies: [])
    let error = try #require(failure { _ = try Database.open(path, options: .init(), columnFamilies: []) })
    #expect(error.code == .ioError)
    #expect(error.message.contains("lock"))
    #expect(error.message.contains(path))
    database.close()
    _ = try Database.open(path, options: .init(), columnFamilies: [])
  }

  @Test func `all column families must be named`() throws {
    let path = directory.child("db")
    try Database.open(path, options: .init(), columnFamilies: []).createColumnFamily("table").check()
    #expect(
      failure { _ = try Database.open(path, options: .init(), columnFamilies: []) }?.code == .invalidArgument)
    #expect(
      failure { _ = try Database.open(path, options: .init(), columnFamilies: ["table", "none"]) }?.code
        == .invalidArgument)
    let database = try Database.open(path, options: .init(), columnFamilies: ["table"])
    #expect(failure { _ = try database.family("none") }?.code == .notFound)
  }

  @Test func `a dropped column family is gone when the database is opened again`() throws {
    let path = directory.child("db")
    do {
      let database = try Database.open(path, options: .init(), columnFamilies: [])
      let table = try database.createColumnFamily("table")
      #expect(table.name == "table" && table.id == 1)
      #expect(failure { _ = try database.createColumnFamily("table") }?.code == .invalidArgument)
      try database.put("a", "1", in: table)
      try database.dropColumnFamily(table)
      #expect(failure { _ = try database.family("table") }?.code == .notFound)
      #expect(try database.get("a", in: table) == "1")
      #expect(failure { try database.put("a", "2", in: table) }?.code == .columnFamilyDropped)
      let family = try database.family("default")
      try database.put("a", "1", in: family)
      #expect(try database.get("a", in: family) == "1")
    }
    #expect(try Database.columnFamilyNames(at: path) == ["default"])
  }

  @Test func `a read-only open shows a closed or a live database and changes nothing`() throws {
    let path = directory.child("db")
    let database = try Database.open(path, options: .init(), columnFamilies: [])
    let table = try database.createColumnFamily("table")
    try database.put("a", "1", in: table)
    #expect(FileManager.default.createFile(atPath: path + "/000099.sst.trash", contents: Data([1])))
    let before = directory.listing()
    do {
      let reader = try Database.openReadOnly(path, options: .init(), columnFamilies: ["table"])
      let table = try reader.family("table")
      #expect(try reader.rows(in: table) == ["a=1"])
      #expect(failure { try reader.put("a", "3", in: table) }?.code == .notSupported)
      #expect(failure { try reader.checkpoint(to: path + "-copy") }?.code == .notSupported)
      #expect(failure { _ = try reader.createColumnFamily("other") }?.code == .notSupported)
      try reader.verifyChecksums()
    }
    #expect(directory.listing() == before)
    _ = consume table
    database.close()
    let closed = directory.listing()
    do {
      let reader = try Database.openReadOnly(path, options: .init(), columnFamilies: ["table"])
      let table = try reader.family("table")
      #expect(try reader.rows(in: table) == ["a=1"])
    }
    #expect(directory.listing() == closed)
  }

  @Test func `a read-only open of nothing fails and creates nothing`() throws {
    let error = failure { _ = try Database.openReadOnly(directory.child("db"), options: .init(), columnFamilies: []) }
    #expect(error != nil)
    #expect(directory.listing() == [])
    #expect(failure { _ = try Database.columnFamilyNames(at: directory.child("db")) } != nil)
    #expect(directory.listing() == [])
  }

  @Test func `a bad option is an invalid argument that names it`() throws {
    func error(_ change: (inout DatabaseOptions) -> Void) -> RocksDBError? {
      var options = DatabaseOptions()
      change(&options)
      return failure { _ = try Database.open(directory.child("db"), options: options, columnFamilies: []) }
    }
    for (name, value) in [("no_such_option", "1"), ("max_open_files", "many"), ("atomic_flush", "false")] {
      let error = try #require(error { $0.overrides = [name: value] })
      #expect(error.code == .invalidArgument && error.message.contains(name))
    }
    for (name, value) in [
      ("no_such_option", "1"), ("write_buffer_size", "large"), ("comparator", "leveldb.BytewiseComparator"),
      ("block_based_table_factory", "{no_such_option=1}"),
    ] {
      let error = try #require(error { $0.columnFamilyOverrides = [name: value] })
      #expect(error.code == .invalidArgument && error.message.contains(name))
    }
    #expect(directory.listing() == [])
  }

  @Test func `the options in effect are ours and the overrides`() throws {
    var options = DatabaseOptions()
    options.blockCache = BlockCache(capacityBytes: 1 << 20)
    options.overrides = ["max_open_files": "77"]
    options.columnFamilyOverrides = [
      "level0_file_num_compaction_trigger": "9", "block_based_table_factory": "{block_size=8192}",
    ]
    let database = try Database.open(directory.child("db"), options: options, columnFamilies: [])
    let effective = try database.effectiveOptions()
    #expect(effective["db.atomic_flush"] == "false")
    #expect(effective["db.max_bgerror_resume_count"] == "0")
    #expect(effective["db.paranoid_checks"] == "true")
    #expect(effective["db.avoid_flush_during_shutdown"] == "true")
    #expect(effective["db.create_missing_column_families"] == "false")
    #expect(effective["db.max_open_files"] == "77")
    #expect(effective["cf.level0_file_num_compaction_trigger"] == "9")
    #expect(effective["cf.level_compaction_dynamic_level_bytes"] == "true")
    #expect(effective["cf.compression"] == "kLZ4Compression")
    #expect(effective["cf.table_factory.block_size"] == "8192")
    #expect(effective["cf.table_factory.checksum"] == "kXXH3")
    #expect(effective["cf.table_factory.filter_policy"]?.contains("bloomfilter:10") == true)
    #expect(effective["cf.table_factory.cache_index_and_filter_blocks"] == "true")
    let family = try database.family("default")
    #expect(database.property("rocksdb.no-such-property", in: family) == nil)
    #expect(database.property("rocksdb.levelstats", in: family)?.contains("Level") == true)
    #expect(database.integerProperty("rocksdb.num-snapshots", in: family) == 0)
    #expect(database.integerProperty("rocksdb.no-such-property", in: family) == nil)
  }

  @Test func `no file of options is written, and one that is there doesn't matter`() throws {
    let path = directory.child("db")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    try Data("no options".utf8).write(to: URL(fileURLWithPath: path + "/OPTIONS-000007"))
    for open in 0..<2 {
      let database = try Database.open(path, options: .init(), columnFamilies: open == 0 ? [] : ["table"])
      if open == 0 { try database.createColumnFamilies(["table"]) }
      let table = try database.family("table")
      try database.put("a", "\(open)", in: table)
      try database.checkpoint(to: directory.child("copy \(open)"))
    }
    #expect(directory.listing().filter { $0.contains("OPTIONS-") }.count == 1)
    let copy = try Database.openReadOnly(directory.child("copy 1"), options: .init(), columnFamilies: ["table"])
    #expect(try copy.get("a", in: try copy.family("table")) == "1")
  }

  @Test func `databases share a cache`() throws {
    let cache = BlockCache(capacityBytes: 8 << 20)
    var options = DatabaseOptions()
    options.blockCache = cache
    let value = String(repeating: "v", count: 100_000)
    for name in ["1", "2"] {
      let used = cache.usedBytes
      let database = try Database.open(directory.child(name), options: options, columnFamilies: [])
      let family = try database.family("default")
      try database.put("a", value, in: family)
      #expect(try database.get("a", in: family) == value)
      #expect(cache.usedBytes >= used + 100_000)
    }
    #expect(cache.capacityBytes == 8 << 20)
    cache.setCapacity(1 << 20)
    #expect(cache.capacityBytes == 1 << 20)
  }

  @Test func `a block that was read stays in the cache`() throws {
    let cache = BlockCache(capacityBytes: 8 << 20)
    var options = DatabaseOptions()
    options.blockCache = cache
    let database = try Database.open(directory.child("db"), options: options, columnFamilies: [])
    let family = try database.family("default")
    let value = String(repeating: "v", count: 100_000)
    try database.put("a", value, in: family)
    let used = cache.usedBytes
    #expect(try database.get("a", in: family) == value)
    #expect(cache.usedBytes >= used + value.utf8.count)
  }

  @Test func `a checkpoint opens and has everything that was written`() throws {
    let copy = directory.child("copy")
    let database = try Database.open(directory.child("db"), options: .init(), columnFamilies: [])
    let table = try database.createColumnFamily("table")
    let family = try database.family("default")
    try database.put("a", "1", in: table)
    try database.put("b", "2", in: table)
    try database.put("offset", "2", in: family)
    try database.checkpoint(to: copy)
    try database.put("c", "3", in: table)
    #expect(failure { try database.checkpoint(to: copy) }?.code == .invalidArgument)
    let other = try Database.open(copy, options: .init(), columnFamilies: ["table"])
    let otherTable = try other.family("table")
    let otherFamily = try other.family("default")
    #expect(try other.rows(in: otherTable) == ["a=1", "b=2"])
    #expect(try other.rows(in: otherFamily) == ["offset=2"])
    try other.put("a", "9", in: otherTable)
    #expect(try database.get("a", in: table) == "1")
  }

  @Test func `damage in a table file is corruption`() throws {
    let path = directory.child("db")
    do {
      let database = try Database.open(path, options: .init(), columnFamilies: [])
      let family = try database.family("default")
      try database.put("a", "1", in: family)
      try database.verifyChecksums()
    }
    let name = try #require(try FileManager.default.contentsOfDirectory(atPath: path).first { $0.hasSuffix(".sst") })
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path + "/" + name))
    bytes[5] ^= 1
    try bytes.write(to: URL(fileURLWithPath: path + "/" + name))
    let database = try Database.openReadOnly(path, options: .init(), columnFamilies: [])
    #expect(failure { try database.verifyChecksums() }?.code == .corruption)
  }

  @Test func `handles that outlive the database keep it open`() throws {
    let path = directory.child("db")
    func iterator() throws -> RocksDB.Iterator {
      let database = try Database.open(path, options: .init(), columnFamilies: [])
      let family = try database.createColumnFamily("table")
      try database.put("a", "1", in: family)
      return database.makeIterator(in: family, at: database.makeSnapshot())
    }
    func snapshot() throws -> Snapshot {
      let database = try Database.open(path, options: .init(), columnFamilies: ["table"])
      try database.put("c", "3", in: database.family("table"))
      return database.makeSnapshot()
    }
    func family() throws -> ColumnFamily {
      try Database.open(path, options: .init(), columnFamilies: ["table"]).family("table")
    }
    func isLocked() -> Bool {
      failure { _ = try Database.open(path, options: .init(), columnFamilies: ["table"]) }?.code == .ioError
    }
    do {
      let left = try iterator()
      #expect(isLocked())
      #expect(try left.forwards() == ["a=1"])
    }
    do {
      let left = try snapshot()
      #expect(isLocked())
      _ = consume left
    }
    do {
      let left = try family()
      #expect(isLocked())
      #expect(left.name == "table")
    }
    #expect(!isLocked())
  }

  @Test func `what is kept until the database is closed goes when another can open it`() throws {
    final class Opener: Sendable {
      let path: String
      let outcomes: Locked<[RocksDBError?]>

      init(_ path: String, _ outcomes: Locked<[RocksDBError?]>) { (self.path, self.outcomes) = (path, outcomes) }

      deinit {
        let outcome = failure { _ = try Database.open(path, options: .init(), columnFamilies: []) }
        outcomes.change { $0.append(outcome) }
      }
    }
    let path = directory.child("db")
    let outcomes = Locked<[RocksDBError?]>([])
    func iterator() throws -> RocksDB.Iterator {
      var options = DatabaseOptions()
      options.keptUntilClosed = Opener(path, outcomes)
      let database = try Database.open(path, options: options, columnFamilies: [])
      return database.makeIterator(in: try database.family("default"))
    }
    do {
      let left = try iterator()
      #expect(outcomes.value.isEmpty)
      #expect(try left.forwards() == [])
    }
    #expect(outcomes.value == [nil])
  }

  @Test func `many threads read while one takes files in`() async throws {
    let database = try Database.open(directory.child("db"), options: .init(), columnFamilies: [])
    let family = try database.family("default")
    let shared = Shared(database, family)
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        #expect(throws: Never.self) {
          for number in 1...100 {
            try shared.database.install(["\(1000 + number)": "", "offset": "\(number)"], in: shared.family)
          }
        }
      }
      for _ in 0..<3 {
        group.addTask {
          for _ in 0..<200 {
            #expect(throws: Never.self) {
              let rows = try shared.database.rows(in: shared.family)
              let last = try shared.database.get("offset", in: shared.family) ?? "0"
              #expect(rows.count <= Int(last)! + 1)
            }
          }
        }
      }
    }
    #expect(try shared.database.rows(in: shared.family).count == 101)
  }

  @Test func `options and the hooks they hold are released with the last handle`() throws {
    final class Token: Sendable {}
    weak var released: Token?
    var family: ColumnFamily?
    do {
      let token = Token()
      released = token
      var options = DatabaseOptions()
      options.onCompactionCompleted = { _ = token }
      let database = try Database.open(directory.child("db"), options: options, columnFamilies: [])
      family = database.columnFamily("default")
      database.close()
    }
    #expect(released != nil)
    #expect(family?.name == "default")
    family = nil
    #expect(released == nil)
  }
}

private final class Shared: Sendable {
  let database: Database
  let family: ColumnFamily

  init(_ database: consuming Database, _ family: consuming ColumnFamily) {
    self.database = database
    self.family = family
  }
}

extension ColumnFamily {
  fileprivate consuming func check() { #expect(id > 0) }
}
