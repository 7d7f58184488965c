import Foundation
import RocksDB
import TestSupport
import Testing

/// A version 0.1 database with writes in its log, and one whose column families are made together.
@Suite struct RecoveryTests {
  let directory = TemporaryDirectory()

  private var options: DatabaseOptions {
    var options = DatabaseOptions()
    options.createIfMissing = false
    return options
  }

  /// The bytes of RocksDB's log files.
  private func logBytes(_ path: String) throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: path).filter { $0.hasSuffix(".log") }.reduce(0) { sum, name in
      let attributes = try FileManager.default.attributesOfItem(atPath: path + "/" + name)
      return sum + (attributes[.size] as? Int ?? 0)
    }
  }

  @Test func `the log of a killed process is recovered to table files, and is empty then`() throws {
    let path = directory.child("db")
    let outcome = try runDatabaseProcess("write-log", path)
    #expect(outcome.status == -SIGKILL, "\(outcome.output)")
    #expect(try logBytes(path) > 0)
    do {
      let database = try Database.open(path, options: options, columnFamilies: ["0", "1"])
      #expect(try logBytes(path) == 0)
      for name in ["rocksdb.num-entries-active-mem-table", "rocksdb.num-entries-imm-mem-tables"] {
        #expect(database.summedProperty(name) == 0)
      }
      let first = try database.family("0")
      let second = try database.family("1")
      #expect(try database.rows(in: first).count == 2_000)
      #expect(try database.get("offset", in: second) == "1999")
      try database.put("offset", "2000", in: second)
    }
    let database = try Database.open(path, options: options, columnFamilies: ["0", "1"])
    #expect(try database.get("offset", in: try database.family("1")) == "2000")
    #expect(try database.rows(in: try database.family("0")).count == 2_000)
    #expect(try logBytes(path) == 0)
  }

  @Test func `column families that are made together are there when the database is opened again`() throws {
    let path = directory.child("db")
    let names = (0..<20).map { "family \($0)" }
    do {
      var options = options
      options.createIfMissing = true
      let database = try Database.open(path, options: options, columnFamilies: [])
      try database.createColumnFamilies([])
      try database.createColumnFamilies(names)
      #expect(failure { try database.createColumnFamilies(["other", names[3]]) }?.code == .invalidArgument)
      for name in names + ["other"] { try database.put(name, "1", in: try database.family(name)) }
    }
    let found = try Database.columnFamilyNames(at: path)
    #expect(Set(found) == Set(names + ["default", "other"]))
    let database = try Database.open(path, options: options, columnFamilies: found)
    for name in names { #expect(try database.rows(in: try database.family(name)) == ["\(name)=1"]) }
  }
}
