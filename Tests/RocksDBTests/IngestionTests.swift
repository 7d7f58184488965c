import Foundation
import RocksDB
import Testing

/// Table files ingested into a database in one step.
@Suite struct IngestionTests {
  let directory = TemporaryDirectory()

  private func database() throws -> Database {
    try Database.open(directory.child("db"), options: .init(), columnFamilies: [])
  }

  /// Writes a table file of rows; an empty value is a deletion.
  private func file(
    _ name: String, _ rows: [(String, String)], _ database: borrowing Database, _ family: borrowing ColumnFamily
  ) throws -> String {
    let path = directory.child(name)
    var file = try database.makeTableFile(at: path, for: family)
    for (key, value) in rows {
      if value.isEmpty { try file.delete(key.bytes) } else { try file.put(key.bytes, value.bytes) }
    }
    try file.finish()
    return path
  }

  @Test func `files of several families are taken, and durable`() throws {
    do {
      let database = try database()
      let a = try database.createColumnFamily("a")
      let b = try database.createColumnFamily("b")
      var files = try database.makeIngestion()
      try files.add(file("1.sst", [("x", "1"), ("y", "2")], database, a), to: a)
      try files.add(file("2.sst", [("x", "3")], database, b), to: b)
      try files.add(file("3.sst", [("z", "4")], database, a), to: a)
      try files.finish()
      #expect(try database.rows(in: a) == ["x=1", "y=2", "z=4"])
    }
    #expect(!FileManager.default.fileExists(atPath: directory.child("1.sst")), "moved")
    let reopened = try Database.open(directory.child("db"), options: .init(), columnFamilies: ["a", "b"])
    #expect(try reopened.rows(in: reopened.family("a")) == ["x=1", "y=2", "z=4"])
    #expect(try reopened.rows(in: reopened.family("b")) == ["x=3"])
  }

  @Test func `later files hide earlier rows, and snapshots stay`() throws {
    let database = try database()
    let family = try database.createColumnFamily("a")
    for round in 1...3 {
      var files = try database.makeIngestion()
      let rows = [("x", "\(round)"), ("y", round == 3 ? "" : "\(round)")]
      try files.add(file("\(round).sst", rows, database, family), to: family)
      let before = database.makeSnapshot()
      try files.finish()
      let key = "x"
      let seen = try database.withValue(key.bytes, in: family, at: before) { text($0) }
      #expect(seen == (round == 1 ? nil : "\(round - 1)"))
      #expect(try database.rows(in: family) == (round == 3 ? ["x=3"] : ["x=\(round)", "y=\(round)"]))
    }
  }

  /// Seen to fail with: a merge of the lowest level alone.
  @Test func `many small files are merged into one, and snapshots stay`() throws {
    let database = try database()
    let family = try database.createColumnFamily("a")
    func take(_ row: (String, String)) throws {
      var files = try database.makeIngestion()
      try files.add(file("1.sst", [row], database, family), to: family)
      try files.finish()
    }
    func fileCount() -> Int {
      let levels = database.property("rocksdb.levelstats", in: family)?.split(separator: "\n").dropFirst(2) ?? []
      return levels.reduce(0) { $0 + (Int($1.split(separator: " ")[1]) ?? 0) }
    }
    let keys = ["a", "b", "c", "d", "e"]
    for key in keys { try take((key, "1")) }
    let before = database.makeSnapshot()
    try take(("c", "2"))
    try take(("e", ""))
    let few = Database.SmallFiles(fileCount: 8, bytesPerFile: 4 << 10, bytes: 1 << 20)
    database.mergeSmallFiles(of: family, few)
    #expect(fileCount() == 7, "too few files")
    try take(("f", "2"))
    for other in [
      Database.SmallFiles(fileCount: 8, bytesPerFile: 64, bytes: 1 << 20),
      Database.SmallFiles(fileCount: 8, bytesPerFile: 4 << 10, bytes: 4 << 10),
    ] {
      database.mergeSmallFiles(of: family, other)
      #expect(fileCount() == 8, "too many bytes")
    }
    database.mergeSmallFiles(of: family, few)
    #expect(fileCount() == 1)
    #expect(try database.rows(in: family) == ["a=1", "b=1", "c=2", "d=1", "f=2"])
    for key in keys {
      #expect(try database.withValue(key.bytes, in: family, at: before) { text($0) } == "1")
    }
  }

  @Test func `a file that isn't finished is deleted`() throws {
    let database = try database()
    let family = try database.createColumnFamily("a")
    do {
      var file = try database.makeTableFile(at: directory.child("1.sst"), for: family)
      let key = "x"
      try file.put(key.bytes, key.bytes)
    }
    #expect(!FileManager.default.fileExists(atPath: directory.child("1.sst")))
  }

  @Test func `files of a family that overlap are refused, and stay`() throws {
    let database = try database()
    let family = try database.createColumnFamily("a")
    let paths = try [
      file("1.sst", [("w", "1"), ("y", "1")], database, family), file("2.sst", [("x", "2")], database, family),
    ]
    var files = try database.makeIngestion()
    // RocksDB stacks files whose ranges overlap, but it can't order the same key in two files.
    for path in paths { try files.add(path, to: family) }
    do throws(RocksDBError) { try files.finish() } catch {
      #expect(paths.allSatisfy { FileManager.default.fileExists(atPath: $0) })
      #expect(try database.rows(in: family) == [])
      return
    }
    #expect(try database.rows(in: family) == ["w=1", "x=2", "y=1"])
  }

  @Test func `keys out of order are refused`() throws {
    let database = try database()
    let family = try database.createColumnFamily("a")
    var file = try database.makeTableFile(at: directory.child("1.sst"), for: family)
    let (later, earlier) = ("x", "w")
    try file.put(later.bytes, later.bytes)
    let error = #expect(throws: RocksDBError.self) { try file.put(earlier.bytes, later.bytes) }
    #expect(error?.code == .invalidArgument)
  }

  @Test func `a family that was dropped is refused`() throws {
    let database = try database()
    let family = try database.createColumnFamily("a")
    var files = try database.makeIngestion()
    try files.add(file("1.sst", [("x", "1")], database, family), to: family)
    try database.dropColumnFamily(family)
    do throws(RocksDBError) {
      try files.finish()
      Issue.record("a file of a dropped family was taken")
    } catch {
      #expect(error.code == .columnFamilyDropped)
    }
  }
}
