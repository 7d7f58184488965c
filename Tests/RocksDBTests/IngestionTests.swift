import Foundation
import RocksDB
import Testing

/// Table files that are taken into a database in one step.
@Suite struct IngestionTests {
  let directory = TemporaryDirectory()

  private func database() throws -> Database {
    try Database.open(directory.child("db"), options: .init(), columnFamilies: [])
  }

  private func put(_ key: String, _ value: String, _ files: inout Ingestion) throws {
    try files.put(key.bytes, value.bytes)
  }

  @Test func `files of several families are taken, and durable`() throws {
    do {
      let database = try database()
      let a = try database.createColumnFamily("a")
      let b = try database.createColumnFamily("b")
      var files = try database.makeIngestion()
      try files.beginFile(at: directory.child("1.sst"), for: a)
      try put("x", "1", &files)
      try put("y", "2", &files)
      try files.beginFile(at: directory.child("2.sst"), for: b)
      try put("x", "3", &files)
      try files.finish()
      #expect(try database.rows(in: a) == ["x=1", "y=2"])
    }
    #expect(!FileManager.default.fileExists(atPath: directory.child("1.sst")), "moved")
    let reopened = try Database.open(directory.child("db"), options: .init(), columnFamilies: ["a", "b"])
    #expect(try reopened.rows(in: reopened.family("a")) == ["x=1", "y=2"])
    #expect(try reopened.rows(in: reopened.family("b")) == ["x=3"])
  }

  @Test func `later files hide earlier rows, and snapshots stay`() throws {
    let database = try database()
    let family = try database.createColumnFamily("a")
    for round in 1...3 {
      var files = try database.makeIngestion()
      try files.beginFile(at: directory.child("\(round).sst"), for: family)
      try put("x", "\(round)", &files)
      if round == 3 {
        let key = "y"
        try files.delete(key.bytes)
      } else {
        try put("y", "\(round)", &files)
      }
      let before = database.makeSnapshot()
      try files.finish()
      let key = "x"
      let seen = try database.withValue(key.bytes, in: family, at: before) { text($0) }
      #expect(seen == (round == 1 ? nil : "\(round - 1)"))
      #expect(try database.rows(in: family) == (round == 3 ? ["x=3"] : ["x=\(round)", "y=\(round)"]))
    }
  }

  @Test func `what is given up is deleted`() throws {
    let database = try database()
    let family = try database.createColumnFamily("a")
    do {
      var files = try database.makeIngestion()
      try files.beginFile(at: directory.child("1.sst"), for: family)
      try put("x", "1", &files)
    }
    #expect(!FileManager.default.fileExists(atPath: directory.child("1.sst")))
    #expect(try database.rows(in: family) == [])
  }

  @Test func `keys out of order are refused`() throws {
    let database = try database()
    let family = try database.createColumnFamily("a")
    var files = try database.makeIngestion()
    try files.beginFile(at: directory.child("1.sst"), for: family)
    try put("x", "1", &files)
    let error = #expect(throws: RocksDBError.self) { try put("w", "1", &files) }
    #expect(error?.code == .invalidArgument)
  }

  @Test func `a family that was dropped is refused`() throws {
    let database = try database()
    let family = try database.createColumnFamily("a")
    var files = try database.makeIngestion()
    try files.beginFile(at: directory.child("1.sst"), for: family)
    try put("x", "1", &files)
    try database.dropColumnFamily(family)
    do throws(RocksDBError) {
      try files.finish()
      Issue.record("a file of a dropped family was taken")
    } catch {
      #expect(error.code == .columnFamilyDropped)
    }
  }
}
