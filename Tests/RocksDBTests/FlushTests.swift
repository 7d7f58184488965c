import Foundation
import RocksDB
import Testing

@Suite struct FlushTests {
  let directory = TemporaryDirectory()

  @Test func `without a log a reopened database shows exactly what was flushed, in all families`() throws {
    let path = directory.child("db")
    do {
      let database = try Database.open(path, options: .init(), columnFamilies: [])
      let first = try database.createColumnFamily("first")
      let second = try database.createColumnFamily("second")
      var batch = WriteBatch(reserveBytes: 1000)
      batch.put("a", "1", in: first)
      batch.put("offset", "1", in: second)
      #expect(batch.count == 2)
      #expect(batch.byteCount > 12)
      try database.write(batch, log: .off)
      try database.flush()
      batch.clear()
      #expect(batch.count == 0)
      batch.put("a", "2", in: first)
      batch.put("offset", "2", in: second)
      try database.write(batch, log: .off)
    }
    #expect(try Database.columnFamilyNames(at: path).sorted() == ["default", "first", "second"])
    let database = try Database.open(path, options: .init(), columnFamilies: ["first", "second"])
    let first = try database.family("first")
    let second = try database.family("second")
    #expect(try database.rows(in: first) == ["a=1"])
    #expect(try database.rows(in: second) == ["offset=1"])
  }

  @Test(arguments: [WriteAheadLog.unsynced, .synced])
  func `with a log a reopened database shows every write`(_ log: WriteAheadLog) throws {
    let path = directory.child("db")
    do {
      let database = try Database.open(path, options: .init(), columnFamilies: [])
      let family = try database.family("default")
      try database.put("a", "1", in: family, log: log)
    }
    let database = try Database.open(path, options: .init(), columnFamilies: [])
    let family = try database.family("default")
    #expect(try database.get("a", in: family) == "1")
  }

  @Test func `a memtable that fills up flushes all families`() throws {
    let path = directory.child("db")
    let flushes = Locked(0)
    var options = DatabaseOptions()
    options.writeBufferBytes = 128 << 10
    options.onFlushCompleted = { flushes.change { $0 += 1 } }
    do {
      let database = try Database.open(path, options: options, columnFamilies: [])
      let offsets = try database.createColumnFamily("offsets")
      let family = try database.family("default")
      let value = String(repeating: "v", count: 1000)
      for number in 0..<2000 {
        var batch = WriteBatch()
        batch.put("key\(number + 10000)", value, in: family)
        batch.put("offset", "\(number)", in: offsets)
        try database.write(batch, log: .off)
      }
      try database.waitForCompaction()
    }
    #expect(flushes.value > 1)
    let database = try Database.open(path, options: options, columnFamilies: ["offsets"])
    let offsets = try database.family("offsets")
    let family = try database.family("default")
    let offset = try #require(try database.get("offset", in: offsets).flatMap { Int($0) })
    #expect(try database.rows(in: family).count == offset + 1)
  }

  @Test func `the sync hook runs before a flush is installed`() throws {
    let plan = Locked(SyncPlan())
    let callsAtCompletion = Locked([Int]())
    var options = DatabaseOptions()
    options.tableFileSync = {
      plan.change { $0.calls += 1 }
      return nil
    }
    options.onFlushCompleted = { callsAtCompletion.change { $0.append(plan.value.calls) } }
    let database = try Database.open(directory.child("db"), options: options, columnFamilies: [])
    let family = try database.family("default")
    let other = try database.createColumnFamily("other")
    #expect(plan.value.calls == 0)
    var batch = WriteBatch()
    batch.put("a", "1", in: family)
    batch.put("b", "1", in: other)
    try database.write(batch, log: .off)
    #expect(plan.value.calls == 0)
    try database.flush()
    #expect(plan.value.calls == 2)
    #expect(callsAtCompletion.value == [2, 2])
    try database.compactRange()
    #expect(try database.rows(in: family) == ["a=1"])
  }

  @Test func `an error of the sync hook fails the flush, is reported, and installs nothing`() throws {
    let path = directory.child("db")
    let plan = Locked(SyncPlan())
    let reported = Locked([RocksDBError]())
    var options = DatabaseOptions()
    options.tableFileSync = {
      plan.change { $0.calls += 1 }
      return plan.value.error
    }
    options.onBackgroundError = { error in reported.change { $0.append(error) } }
    do {
      let database = try Database.open(path, options: options, columnFamilies: [])
      let family = try database.family("default")
      let other = try database.createColumnFamily("other")
      try database.put("a", "1", in: family)
      try database.put("b", "1", in: other)
      try database.flush()
      plan.change { $0.error = RocksDBError(.ioError, .ioFenced, message: "the log can't be synced") }
      try database.put("a", "2", in: family)
      try database.put("b", "2", in: other)
      let error = try #require(failure { try database.flush() })
      #expect(error.code == .ioError)
      #expect(error.message.contains("the log can't be synced"))
      #expect(error.severity == .fatal)
      let first = try #require(reported.value.first)
      #expect(first.code == .ioError && first.subcode == .ioFenced && first.severity == .fatal)
      #expect(first.message == "the log can't be synced")
      // It stays closed to changes, also when the hook could succeed again; reads go on.
      plan.change { $0.error = nil }
      #expect(failure { try database.put("c", "3", in: family) }?.message == "the log can't be synced")
      #expect(failure { try database.flush() }?.message == "the log can't be synced")
      #expect(failure { try database.checkpoint(to: path + "-copy") }?.message == "the log can't be synced")
      #expect(failure { _ = try database.createColumnFamily("third") }?.code == .ioError)
      #expect(try database.get("a", in: family) == "2")
    }
    let database = try Database.open(path, options: options, columnFamilies: ["other"])
    let family = try database.family("default")
    let other = try database.family("other")
    #expect(try database.rows(in: family) == ["a=1"])
    #expect(try database.rows(in: other) == ["b=1"])
    try database.put("a", "3", in: family)
    try database.flush()
    #expect(try database.get("a", in: family, tier: .persisted) == "3")
  }

  @Test func `every code of the sync hook fails the flush`() throws {
    for code in [RocksDBError.Code.shutdownInProgress, .columnFamilyDropped, .corruption, .busy, .timedOut] {
      let path = directory.child("\(code)")
      var options = DatabaseOptions()
      options.tableFileSync = { RocksDBError(code, message: "refused as \(code)") }
      do {
        let database = try Database.open(path, options: options, columnFamilies: [])
        let family = try database.family("default")
        try database.put("a", "1", in: family)
        let error = try #require(failure { try database.flush() })
        #expect(error.message.contains("refused as \(code)"))
      }
      options.tableFileSync = nil
      let database = try Database.open(path, options: options, columnFamilies: [])
      let family = try database.family("default")
      #expect(try database.rows(in: family) == [])
    }
  }

  @Test func `a failed flush in the background closes the database to writes`() throws {
    let reported = Locked([RocksDBError]())
    var options = DatabaseOptions()
    options.writeBufferBytes = 64 << 10
    options.tableFileSync = { RocksDBError(.ioError, .noSpace, message: "no room for the log") }
    options.onBackgroundError = { error in reported.change { $0.append(error) } }
    let database = try Database.open(directory.child("db"), options: options, columnFamilies: [])
    let family = try database.family("default")
    let value = String(repeating: "v", count: 1000)
    var error: RocksDBError?
    for number in 0..<100_000 where error == nil {
      error = failure { try database.put("key\(number)", value, in: family) }
    }
    #expect(error?.subcode == .noSpace)
    #expect(error?.message == "no room for the log")
    #expect(reported.value.first?.subcode == .noSpace)
  }

  @Test func `options and the hooks they hold are released with the last handle`() throws {
    final class Token: Sendable {}
    weak var released: Token?
    var family: ColumnFamily?
    do {
      let token = Token()
      released = token
      var options = DatabaseOptions()
      options.tableFileSync = {
        _ = token
        return nil
      }
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
