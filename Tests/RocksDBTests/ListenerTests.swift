import Foundation
import RocksDB
import Testing

/// The events of a database's background work.
@Suite struct ListenerTests {
  let directory = TemporaryDirectory()

  /// The events, in order.
  private struct Told: Sendable {
    var compactions = 0
    var failures: [RocksDBError] = []
    var errors: [RocksDBError] = []
    var stalls: [WriteStall] = []
    var families: Set<String> = []
  }

  /// The behaviour of a compaction's sync: it waits until released, or fails.
  private enum Plan: Sendable {
    case wait, go
    case fail(RocksDBError)
  }

  private static func isCompactionThread() -> Bool {
    (try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8))?.hasPrefix("rocksdb:low") == true
  }

  private func options(_ told: Locked<Told>, _ plan: Locked<Plan>) -> DatabaseOptions {
    var options = DatabaseOptions()
    options.columnFamilyOverrides = [
      "level0_file_num_compaction_trigger": "2", "level0_slowdown_writes_trigger": "3",
      "level0_stop_writes_trigger": "4",
    ]
    options.fileSystem = ToldFileSystem { call in
      while call.kind == .sync, call.path.hasSuffix(".sst"), Self.isCompactionThread() {
        switch plan.value {
        case .wait: sched_yield()
        case .go:
          call.proceed()
          return nil
        case .fail(let error):
          plan.change { $0 = .go }
          return error
        }
      }
      call.proceed()
      return nil
    }
    options.onCompactionCompleted = { told.change { $0.compactions += 1 } }
    options.onCompactionFailed = { error in told.change { $0.failures.append(error) } }
    options.onBackgroundError = { error in told.change { $0.errors.append(error) } }
    options.onStallChanged = { family, stall in
      told.change {
        $0.stalls.append(stall)
        $0.families.insert(family)
      }
    }
    return options
  }

  /// Ingests overlapping files; the first of all goes to the last level, the others to level 0.
  private func fill(_ database: borrowing Database, files: Range<Int>) throws {
    let family = try database.family("default")
    for number in files { try database.install(["a": "\(number)", "b": "\(number)"], in: family) }
  }

  @Test func `stalls and compactions are told`() throws {
    let (told, plan) = (Locked(Told()), Locked(Plan.wait))
    let database = try Database.open(directory.child("db"), options: options(told, plan), columnFamilies: [])
    try fill(database, files: 0..<4)
    #expect(told.value.stalls == [.delayed])
    try fill(database, files: 4..<5)
    #expect(told.value.stalls == [.delayed, .stopped])
    #expect(told.value.compactions == 0)
    plan.change { $0 = .go }
    #expect(eventually { told.value.stalls.last == WriteStall.none })
    #expect(eventually { told.value.compactions >= 1 })
    #expect(told.value.families == ["default"])
    #expect(told.value.failures.isEmpty && told.value.errors.isEmpty)
    let family = try database.family("default")
    #expect(try database.get("a", in: family) == "4")
  }

  @Test func `a compaction without space is told, and the database takes files`() throws {
    let (told, plan) = (Locked(Told()), Locked(Plan.fail(RocksDBError(.ioError, .noSpace, message: "planned"))))
    let database = try Database.open(directory.child("db"), options: options(told, plan), columnFamilies: [])
    try fill(database, files: 0..<3)
    #expect(eventually { !told.value.failures.isEmpty })
    let failure = told.value.failures.first
    #expect(failure?.subcode == .noSpace && failure?.severity == .soft)
    #expect(told.value.errors.isEmpty)
    let family = try database.family("default")
    try database.put("a", "3", in: family)
    #expect(eventually { told.value.compactions >= 1 })
    #expect(try database.get("a", in: family) == "3")
  }

  @Test func `a property is summed over all families`() throws {
    let database = try Database.open(directory.child("db"), options: DatabaseOptions(), columnFamilies: [])
    let first = try database.createColumnFamily("first")
    let second = try database.createColumnFamily("second")
    try database.put("a", "1", in: first)
    try database.install(["b": "1", "c": "1"], in: second)
    #expect(database.summedProperty("rocksdb.estimate-num-keys") == 3)
    #expect(database.summedProperty("rocksdb.no-such-property") == nil)
  }
}
