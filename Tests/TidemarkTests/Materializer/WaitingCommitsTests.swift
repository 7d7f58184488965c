import Foundation
import Testing
import TidemarkTesting

@testable import Tidemark

/// Commits that wait for the database: everybody can read them, and they are applied while other commits go on.
@Suite struct WaitingCommitsTests {
  let directory: TemporaryDirectory
  let store: StateStore

  init() throws {
    directory = try TemporaryDirectory()
    store = try directory.store(try directory.log(), .lazy)
  }

  func databaseOffset(_ store: StateStore) throws -> Offset? { try store.opened().database.state()?.offset }

  /// The runs below a transaction that begins now.
  func runs(_ store: StateStore) throws -> RunList {
    let transaction = try store.begin()
    let runs = try store.opened().writer.layers.runs
    transaction.core.clear()
    return runs
  }

  static let text = String(repeating: "x", count: 1000)

  /// Commits `count` rows one by one, on a thread of its own.
  func writing(_ count: Int64, to store: StateStore) -> BackgroundCall {
    BackgroundCall {
      for number in 0..<count { try store.write { try $0.put(("key", number), Self.text, in: orders) } }
    }
  }

  func rows(_ transaction: borrowing Transaction, _ order: ScanOrder) throws -> [String] {
    var rows: [String] = []
    var cursor = try transaction.scan(balances, .all, order)
    while let (key, value) = try cursor.next() { rows.append("\(key)=\(value)") }
    return rows
  }

  @Test func smallCommitsWaitAndASnapshotShowsThem() throws {
    let before = try databaseOffset(store)
    for number in 1...3 {
      try store.write([TopicPartition("in", 0): Offset(Int64(number))]) {
        try $0.put("a", Int64(number), in: balances)
      }
    }
    let view = try store.snapshot()
    #expect(try databaseOffset(store) == before)
    #expect(view.position == [TopicPartition("in", 0): 3])
    #expect(try view.offset == store.info().committedOffset)
    #expect(try view.get("a", in: balances) == 3)
    try store.flush()
    #expect(try databaseOffset(store) == view.offset)
    #expect(try view.get("a", in: balances) == 3)
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
    // Also once the runs below are in the database.
    try store.flush()
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
    try store.flush()
    #expect(try cursor.next()?.key == "c")
    #expect(try cursor.next() == nil)
  }

  @Test func theLimitBringsThemIntoTheDatabase() throws {
    let other = try TemporaryDirectory()
    var options = StoreOptions.lazy
    options.waitingBytes = 20_000
    let store = try other.store(try other.log(), options)
    let before = try databaseOffset(store)
    var number: Int64 = 0
    var waited = true
    while number < 100 {
      try store.write { try $0.put("key \(number)", number, in: balances) }
      number += 1
      if try databaseOffset(store) != before { waited = false }
    }
    #expect(waited, "100 small rows are below the limit")
    while number < 1000, try databaseOffset(store) == before {
      try store.write { try $0.put("key \(number)", number, in: balances) }
      number += 1
    }
    #expect(try eventually { try databaseOffset(store) != before })
  }

  @Test func withoutALimitNoneWaitsLong() throws {
    let other = try TemporaryDirectory()
    var options = StoreOptions.lazy
    options.waitingBytes = 0
    let store = try other.store(try other.log(), options)
    for number in 0..<3 {
      try store.write { try $0.put("a", Int64(number), in: balances) }
      #expect(try databaseOffset(store) == store.info().committedOffset)
    }
  }

  @Test func inAStoreWithoutAChangelogTheyWaitAsInAnyOther() throws {
    let other = try TemporaryDirectory()
    let store = try StateStore.open(other("store"), tables: [balances], options: .lazy)
    try store.write { try $0.put("a", 1, in: balances) }
    let stored = try #require(try databaseOffset(store))
    #expect(try stored < store.info().committedOffset)
    #expect(try store.snapshot().get("a", in: balances) == 1)
    try store.flush()
    #expect(try databaseOffset(store) == store.info().committedOffset)
  }

  @Test func theyCountAgainstTheBudgetUntilTheyAreApplied() throws {
    let other = try TemporaryDirectory()
    var options = StoreOptions.lazy
    options.budget = MemoryBudget(bytes: 64 << 20)
    options.waitingBytes = 8 << 20
    options.cleanBytes = 0
    let store = try other.store(try other.log(), options)
    let value = String(repeating: "x", count: 1 << 20)
    try store.flush()
    let before = options.budget.heldByTransactions
    try store.write { try $0.put(("a", 1), value, in: orders) }
    #expect(options.budget.heldByTransactions - before >= 1 << 20)
    func flushUnderAView() throws {
      let view = try store.snapshot()
      try store.flush()
      #expect(options.budget.heldByTransactions - before >= 1 << 20, "the view holds it")
      #expect(try view.get(("a", 1), in: orders) == value)
    }
    try flushUnderAView()
    #expect(options.budget.heldByTransactions == before)
  }

  /// Seen to fail with: a transaction that keeps the runs below it until its next commit.
  @Test func anIdleTransactionKeepsNothingThatTheDatabaseHas() throws {
    let other = try TemporaryDirectory()
    var options = StoreOptions.lazy
    options.budget = MemoryBudget(bytes: 64 << 20)
    options.cleanBytes = 0
    let store = try other.store(try other.log(), options)
    try store.flush()
    let before = options.budget.heldByTransactions
    var transaction = try store.begin()
    for number in 0..<100 { try transaction.put(("a", Int64(number)), Self.text, in: orders) }
    try transaction.commit()
    // A snapshot seals the run, and the next snapshot merges it with the run after it.
    _ = try store.snapshot()
    try transaction.put(("b", 1), Self.text, in: orders)
    try transaction.commit()
    _ = try store.snapshot()
    #expect(options.budget.heldByTransactions - before > 100_000)
    try store.flush()
    #expect(options.budget.heldByTransactions == before)
    #expect(try transaction.get(("a", 7), in: orders) == Self.text)
    #expect(try transaction.get(("b", 1), in: orders) == Self.text)
    try transaction.put(("a", 7), "new", in: orders)
    #expect(try transaction.get(("a", 7), in: orders) == "new")
  }

  @Test func anOpenTransactionReadsWhatStaysToBeRead() throws {
    var transaction = try store.begin()
    let layers = try store.opened().writer.layers
    for value in Int64(1)...3 {
      try transaction.put("a", value, in: balances)
      try transaction.put("key \(value)", value, in: balances)
      try transaction.commit()
      #expect(layers.runs.latest.count == 1)
      try store.flush()
      #expect(layers.runs.latest.isEmpty)
      #expect(layers.runs.clean.count == Int(value))
      #expect(try transaction.get("a", in: balances) == value)
      #expect(try transaction.get("key 1", in: balances) == 1)
      #expect(try rows(transaction, .ascending).first == "a=\(value)")
    }
    _ = consume transaction
    #expect(layers.runs.clean.isEmpty)
    try store.write { try $0.put("a", 4, in: balances) }
    try store.flush()
    #expect(layers.runs.clean.isEmpty, "nobody is there to read them")
  }

  /// A value that a transaction found stays in memory while it is read, even if its run is released meanwhile.
  @Test func whatIsReadOutlivesItsRun() throws {
    let other = try TemporaryDirectory()
    var options = StoreOptions.lazy
    options.cleanBytes = 0
    let store = try other.store(try other.log(), options)
    var transaction = try store.begin()
    for number in 0..<100 { try transaction.put(("a", Int64(number)), Self.text, in: orders) }
    try transaction.commit()
    weak let run = try store.opened().writer.layers.runs.latest.first
    let found = try transaction.withBytes(("a", 50), in: orders) { bytes in
      try store.flush()
      return (isKept: run != nil, length: bytes.array.count { $0 == 0x78 })
    }
    #expect(found?.isKept == true)
    #expect(found?.length == 1000)
    #expect(run == nil)
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
}
