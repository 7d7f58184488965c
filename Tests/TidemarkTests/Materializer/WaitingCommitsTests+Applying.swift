import RocksDB
import Testing
import TidemarkTesting

@testable import Tidemark

/// Readers and commits while runs are applied, and the layers that stay in memory afterwards.
extension WaitingCommitsTests {
  /// Seen to fail with: a store that shows waiting commits only after the flush.
  @Test func aSnapshotDoesNotWaitForAFlush() throws {
    let other = try TemporaryDirectory()
    let log = RecordingChangelog(try other.log())
    let store = try other.store(log, .lazy)
    try store.write { try $0.put("a", 1, in: balances) }
    let gate = Gate()
    var faults = RecordingChangelog.Faults()
    faults.willSync = { gate.pass() }
    log.setFaults(faults)
    let flush = BackgroundCall { try store.flush() }
    try #require(eventually { gate.hasArrivals })
    let read = BackgroundCall { _ = try store.snapshot().get("a", in: balances) }
    #expect(eventually { read.isDone })
    gate.open()
    try read.wait()
    try flush.wait()
    try store.close()
  }

  @Test func aStoreWhoseFlushFailedShowsWhatWaits() throws {
    let other = try TemporaryDirectory()
    let log = RecordingChangelog(try other.log())
    let store = try other.store(log, .lazy)
    try store.write { transaction in
      for key in ["a", "b", "d"] { try transaction.put(key, 1, in: balances) }
    }
    let gate = Gate()
    var faults = RecordingChangelog.Faults()
    faults.willSync = { gate.pass() }
    faults.sync = StoreError(.commitUnknown, "the disk is on fire")
    log.setFaults(faults)
    let flush = BackgroundCall { try store.flush() }
    try #require(eventually { gate.hasArrivals })
    // The flush is still running, and will fail.
    try store.write([TopicPartition("in", 0): 3]) { transaction in
      try transaction.put("a", 2, in: balances)
      try transaction.delete("b", in: balances)
      try transaction.put("c", 2, in: balances)
    }
    gate.open()
    #expect(throws: StoreError.self) { try flush.wait() }
    let view = try store.snapshot()
    #expect(try view.offset == store.info().committedOffset)
    #expect(view.position == [TopicPartition("in", 0): 3])
    #expect(try view.get("a", in: balances) == 2)
    #expect(try view.allBalances() == ["a": 2, "c": 2, "d": 1])
    log.setFaults(RecordingChangelog.Faults())
    #expect(throws: StoreError.self) { try store.close() }
  }

  /// Snapshots before, while and after runs are applied, each at its commit.
  @Test func snapshotsAreTheSameWhateverIsApplied() throws {
    let other = try TemporaryDirectory()
    let log = RecordingChangelog(try other.log())
    let store = try other.store(log, .lazy)
    try store.write { transaction in
      for key in ["a", "b", "d"] { try transaction.put(key, 1, in: balances) }
    }
    let first = try store.snapshot()
    let gate = Gate()
    var faults = RecordingChangelog.Faults()
    faults.willSync = { gate.pass() }
    log.setFaults(faults)
    let flush = BackgroundCall { try store.flush() }
    try #require(eventually { gate.hasArrivals })
    try store.write { transaction in
      try transaction.put("a", 2, in: balances)
      try transaction.delete("b", in: balances)
      try transaction.put("c", 2, in: balances)
    }
    let second = try store.snapshot()
    gate.open()
    try flush.wait()
    let third = try store.snapshot()
    #expect(try databaseOffset(store) == first.offset)
    for _ in 0..<2 {
      #expect(try first.allBalances() == ["a": 1, "b": 1, "d": 1])
      for view in [second, third] {
        #expect(try view.allBalances() == ["a": 2, "c": 2, "d": 1])
        #expect(try view.multiGet(["a", "b", "c", "d"], in: balances) == [2, nil, 2, 1])
        var backwards: [String] = []
        var cursor = try view.scan(balances, .all, .descending)
        while let row = try cursor.next() { backwards.append(row.key) }
        #expect(backwards == ["d", "c", "a"])
      }
      try store.flush()
    }
    #expect(try databaseOffset(store) == second.offset)
  }

  @Test func manySnapshotsLeaveFewRuns() throws {
    for number in 0..<300 {
      try store.write { try $0.put("key \(number % 200)", Int64(number), in: balances) }
      let view = try store.snapshot()
      #expect(try view.get("key \(number % 200)", in: balances) == Int64(number))
    }
    #expect(try runs(store).latest.count <= 10)
    #expect(try store.snapshot().allBalances().count == 200)
  }

  @Test func whatWasAppliedLatelyStaysToBeRead() throws {
    for number in Int64(1)...6 {
      try store.write { transaction in
        try transaction.put("a", number, in: balances)
        try transaction.put("key \(number)", number, in: balances)
        try transaction.delete("key \(number - 1)", in: balances)
      }
      try store.flush()
    }
    try store.write { try $0.delete("key 5", in: balances) }
    let runs = try runs(store)
    #expect((1...4).contains(runs.clean.count))
    #expect(runs.latest.count == 1)
    var transaction = try store.begin()
    #expect(try transaction.get("a", in: balances) == 6)
    #expect(try (1...6).map { try transaction.get("key \($0)", in: balances) } == [nil, nil, nil, nil, nil, 6])
    #expect(try rows(transaction, .ascending) == ["a=6", "key 6=6"])
    try transaction.put("a", 7, in: balances)
    try transaction.commit()
    #expect(try transaction.get("a", in: balances) == 7)
  }

  @Test func nothingStaysWhereTheOptionsSayNothingDoes() throws {
    let other = try TemporaryDirectory()
    var options = StoreOptions.lazy
    options.cleanBytes = 0
    let store = try other.store(try other.log(), options)
    try store.write { try $0.put("a", 1, in: balances) }
    try store.flush()
    #expect(try runs(store).clean.isEmpty)
    #expect(try store.snapshot().get("a", in: balances) == 1)
  }

  /// Seen to fail with: applications that ignore the state of compactions.
  @Test func applicationsWaitWhereCompactionsFallBehind() throws {
    let other = try TemporaryDirectory()
    let gate = CompactionGate()
    var options = StoreOptions.lazy
    options.waitingBytes = 20_000
    options.columnFamilyOptions = [
      "level0_file_num_compaction_trigger": "2", "level0_slowdown_writes_trigger": "4",
      "level0_stop_writes_trigger": "6",
    ]
    options.fileSystem = gate.fileSystem
    let store = try other.store(try other.log(), options)
    let writer = writing(500, to: store)
    let usage = try store.opened().usage
    try #require(eventually { gate.hasArrivals })
    try #require(eventually { usage.waitingBytes > 60_000 })
    #expect(!writer.isDone)
    let table = try store.opened().tables.table(orders)
    let database = try store.opened().database
    let files = database.handle.property("rocksdb.num-files-at-level0", in: table.family)
    #expect(files.flatMap { Int($0) } ?? 0 <= 7)
    gate.open()
    try writer.wait()
    #expect(try store.snapshot().get(("key", 499), in: orders) == Self.text)
    try store.close()
  }

  /// Seen to fail with: commits that never wait for the database.
  @Test func commitsWaitWhereTheDatabaseFallsBehind() throws {
    let other = try TemporaryDirectory()
    let log = RecordingChangelog(try other.log())
    var options = StoreOptions.lazy
    options.waitingBytes = 20_000
    let store = try other.store(log, options)
    let gate = Gate()
    var faults = RecordingChangelog.Faults()
    faults.willSync = { gate.pass() }
    log.setFaults(faults)
    let writer = writing(200, to: store)
    try #require(eventually { gate.hasArrivals })
    let usage = try store.opened().usage
    try #require(eventually { usage.waitingBytes > 80_000 })
    #expect(!writer.isDone)
    #expect(usage.waitingBytes < 84_000, "one commit beyond four times the limit")
    gate.open()
    try writer.wait()
    #expect(try store.snapshot().get(("key", 199), in: orders) == Self.text)
    try store.close()
  }
}
