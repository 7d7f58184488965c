import Foundation
import Testing
import TidemarkTesting

@testable import Tidemark

/// Commits that wait for the database: the transaction reads them, a snapshot brings them there.
@Suite struct WaitingCommitsTests {
  let directory: TemporaryDirectory
  let store: StateStore

  init() throws {
    directory = try TemporaryDirectory()
    store = try directory.store(try directory.log(), .lazy)
  }

  private func databaseOffset(_ store: StateStore) throws -> Offset? { try store.opened().database.state()?.offset }

  private func rows(_ transaction: borrowing Transaction, _ order: ScanOrder) throws -> [String] {
    var rows: [String] = []
    var cursor = try transaction.scan(balances, .all, order)
    while let (key, value) = try cursor.next() { rows.append("\(key)=\(value)") }
    return rows
  }

  @Test func smallCommitsWaitUntilASnapshotIsTaken() throws {
    let before = try databaseOffset(store)
    for number in 1...3 {
      try store.write([TopicPartition("in", 0): Offset(Int64(number))]) { try $0.put("a", 1, in: balances) }
    }
    #expect(try databaseOffset(store) == before)
    let view = try store.snapshot()
    #expect(view.position == [TopicPartition("in", 0): 3])
    #expect(try view.get("a", in: balances) == 1)
    #expect(try databaseOffset(store) == view.offset)
  }

  @Test func aCommitWithoutChangesWaitsToo() throws {
    try store.write([TopicPartition("in", 0): 7]) { _ in }
    #expect(try store.snapshot().position == [TopicPartition("in", 0): 7])
  }

  @Test func theTransactionReadsWhatWaitsOverTheDatabaseAndUnderItsOwnChanges() throws {
    try store.write { transaction in
      for key in ["a", "b", "c", "d"] { try transaction.put(key, 1, in: balances) }
    }
    try store.flush()
    var transaction = try store.begin()
    try transaction.put("b", 2, in: balances)
    try transaction.delete("c", in: balances)
    try transaction.put("bb", 2, in: balances)
    try transaction.commit()
    try transaction.put("bb", 3, in: balances)
    try transaction.delete("d", in: balances)
    try transaction.put("c", 3, in: balances)
    #expect(try databaseOffset(store) != store.info().committedOffset)
    #expect(try transaction.multiGet(["a", "b", "bb", "c", "d"], in: balances) == [1, 2, 3, 3, nil])
    let expected = ["a=1", "b=2", "bb=3", "c=3"]
    #expect(try rows(transaction, .ascending) == expected)
    #expect(try rows(transaction, .descending) == expected.reversed())
    // Also once another has brought it into the database.
    #expect(try store.snapshot().get("c", in: balances) == nil)
    #expect(try rows(transaction, .ascending) == expected)
    transaction.abort()
    #expect(try rows(transaction, .ascending) == ["a=1", "b=2", "bb=2", "d=1"])
    #expect(try transaction.get("c", in: balances) == nil)
  }

  @Test func aCursorGoesOnOverCommitsThatWait() throws {
    var transaction = try store.begin()
    for key in ["a", "b", "c"] { try transaction.put(key, 1, in: balances) }
    var cursor = try transaction.scan(balances)
    #expect(try cursor.next()?.key == "a")
    try transaction.commit()
    #expect(try cursor.next()?.key == "b")
    try transaction.put("bb", 1, in: balances)
    try transaction.commit()
    #expect(try cursor.next()?.key == "bb")
    _ = try store.snapshot()
    #expect(try cursor.next()?.key == "c")
    #expect(try cursor.next() == nil)
  }

  @Test func theLimitBringsThemIntoTheDatabase() throws {
    let other = try TemporaryDirectory()
    var options = StoreOptions.lazy
    options.waitingBytes = 20_000
    let store = try other.store(try other.log(), options)
    var waited = 0
    for number in 0..<1000 {
      try store.write { try $0.put("key \(number)", Int64(number), in: balances) }
      if try databaseOffset(store) == store.info().committedOffset { break }
      waited += 1
    }
    #expect(waited > 100 && waited < 900)
  }

  @Test func withoutALimitNoneWaits() throws {
    let other = try TemporaryDirectory()
    var options = StoreOptions.lazy
    options.waitingBytes = 0
    let store = try other.store(try other.log(), options)
    try store.write { try $0.put("a", 1, in: balances) }
    #expect(try databaseOffset(store) == store.info().committedOffset)
  }

  @Test func aStoreWithoutAChangelogLetsNoneWait() throws {
    let other = try TemporaryDirectory()
    let store = try StateStore.open(other("store"), tables: [balances])
    try store.write { try $0.put("a", 1, in: balances) }
    #expect(try databaseOffset(store) == store.info().committedOffset)
  }

  @Test func theyCountAgainstTheBudgetUntilTheyAreApplied() throws {
    let other = try TemporaryDirectory()
    var options = StoreOptions.lazy
    options.budget = MemoryBudget(bytes: 64 << 20)
    options.waitingBytes = 8 << 20
    let store = try other.store(try other.log(), options)
    let value = String(repeating: "x", count: 1 << 20)
    _ = try store.snapshot()
    let before = options.budget.heldByTransactions
    try store.write { try $0.put(("a", 1), value, in: orders) }
    #expect(options.budget.heldByTransactions - before >= 1 << 20)
    _ = try store.snapshot()
    #expect(options.budget.heldByTransactions == before)
  }

  @Test func whatWaitedWhenTheProcessEndedIsRestored() throws {
    let other = try TemporaryDirectory()
    do {
      let store = try other.store(try other.log(), .lazy)
      try store.write([TopicPartition("in", 0): 5]) { try $0.put("a", 9, in: balances) }
      #expect(try databaseOffset(store) != store.info().committedOffset)
    }
    let store = try other.store(try other.log(), .lazy)
    #expect(try store.snapshot().get("a", in: balances) == 9)
    #expect(try store.snapshot().position == [TopicPartition("in", 0): 5])
    #expect(try store.verify(in: other("scratch")).agrees)
  }

  /// Seen to fail with: a store that tells of what waits only after the flush.
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
    try store.opened().startFlush()
    try #require(eventually { gate.hasArrivals })
    // The flush is under way, and will fail.
    try store.write([TopicPartition("in", 0): 3]) { transaction in
      try transaction.put("a", 2, in: balances)
      try transaction.delete("b", in: balances)
      try transaction.put("c", 2, in: balances)
    }
    gate.open()
    try #require(try eventually { try store.opened().health.failure != nil })
    let view = try store.snapshot()
    #expect(try view.offset == store.info().committedOffset)
    #expect(view.position == [TopicPartition("in", 0): 3])
    #expect(try view.get("a", in: balances) == 2)
    #expect(try view.allBalances() == ["a": 2, "c": 2, "d": 1])
    log.setFaults(RecordingChangelog.Faults())
    #expect(throws: StoreError.self) { try store.close() }
  }

  /// What a snapshot is where the database refuses what waits.
  @Test func aViewShowsUnappliedCommitsOverTheDatabase() throws {
    try store.write { transaction in
      for key in ["a", "b", "d"] { try transaction.put(key, 1, in: balances) }
    }
    try store.flush()
    var transaction = try store.begin()
    try transaction.put("a", 2, in: balances)
    try transaction.delete("b", in: balances)
    try transaction.put("c", 2, in: balances)
    let position: Position = [TopicPartition("in", 0): 3]
    let state = CommittedState(offset: 99, receipt: Receipt(1), position: position)
    let unapplied = UnappliedCommits(changes: transaction.core.batch, state: state)
    let view = Snapshot(view: try View(try store.opened(), over: unapplied))
    #expect(view.offset == 99)
    #expect(view.position == position)
    #expect(try view.get("a", in: balances) == 2)
    #expect(try view.multiGet(["a", "b", "c", "d"], in: balances) == [2, nil, 2, 1])
    #expect(try view.allBalances() == ["a": 2, "c": 2, "d": 1])
    var backwards: [String] = []
    var cursor = try view.scan(balances, .all, .descending)
    while let row = try cursor.next() { backwards.append(row.key) }
    #expect(backwards == ["d", "c", "a"])
    transaction.abort()
  }
}
