import Foundation
import RocksDB
import Testing

/// Databases that take table files and nothing else.
@Suite struct IngestionOnlyTests {
  let directory = TemporaryDirectory()

  private var options: DatabaseOptions {
    var options = DatabaseOptions()
    options.writesOnlyByIngestion = true
    options.createIfMissing = false
    return options
  }

  private func ingest(
    _ key: String, _ value: String, _ database: borrowing Database, _ family: borrowing ColumnFamily
  ) throws {
    let path = directory.child("rows.sst")
    var file = try database.makeTableFile(at: path, for: family)
    try file.put(key.bytes, value.bytes)
    try file.finish()
    var ingestion = try database.makeIngestion()
    try ingestion.add(path, to: family)
    try ingestion.finish()
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
      let database = try Database.open(path, options: options, columnFamilies: ["first", "second"])
      #expect(try logBytes(path) == 0)
      for name in ["rocksdb.num-entries-active-mem-table", "rocksdb.num-entries-imm-mem-tables"] {
        #expect(database.summedProperty(name) == 0)
      }
      let first = try database.family("first")
      let second = try database.family("second")
      #expect(try database.rows(in: first).count == 2_000)
      #expect(try database.get("offset", in: second, tier: .persisted) == "1999")
      try ingest("offset", "2000", database, second)
    }
    let database = try Database.open(path, options: options, columnFamilies: ["first", "second"])
    #expect(try database.get("offset", in: try database.family("second")) == "2000")
    #expect(try database.rows(in: try database.family("first")).count == 2_000)
    #expect(try logBytes(path) == 0)
  }

  @Test func `batches are refused`() throws {
    var options = options
    options.createIfMissing = true
    let database = try Database.open(directory.child("db"), options: options, columnFamilies: [])
    let family = try database.family("default")
    #expect(failure { try database.put("a", "1", in: family) }?.code == .invalidArgument)
    try database.flush()
    try database.compactRange()
    #expect(try database.rows(in: family) == [])
  }

  @Test func `it uses no part of a limit of memtables`() throws {
    var options = options
    options.createIfMissing = true
    options.writeBufferManager = WriteBufferManager(bufferBytes: 1 << 20)
    let database = try Database.open(directory.child("db"), options: options, columnFamilies: [])
    try ingest("a", "1", database, try database.family("default"))
    #expect(options.writeBufferManager?.usedBytes == 0)
    #expect(try database.effectiveOptions()["db.atomic_flush"] == "false")
  }

  @Test func `a checkpoint flushes nothing where no memtable holds anything`() throws {
    let flushes = Locked(0)
    var options = options
    options.createIfMissing = true
    options.onFlushCompleted = { flushes.change { $0 += 1 } }
    let database = try Database.open(directory.child("db"), options: options, columnFamilies: [])
    try database.createColumnFamilies(["a", "b"])
    try ingest("x", "1", database, try database.family("a"))
    try database.checkpoint(to: directory.child("copy"))
    #expect(flushes.value == 0)
    let copy = try Database.open(directory.child("copy"), options: self.options, columnFamilies: ["a", "b"])
    #expect(try copy.rows(in: try copy.family("a")) == ["x=1"])
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
      for name in names + ["other"] { try ingest(name, "1", database, try database.family(name)) }
    }
    let found = try Database.columnFamilyNames(at: path)
    #expect(Set(found) == Set(names + ["default", "other"]))
    let database = try Database.open(path, options: options, columnFamilies: found)
    for name in names { #expect(try database.rows(in: try database.family(name)) == ["\(name)=1"]) }
  }
}
