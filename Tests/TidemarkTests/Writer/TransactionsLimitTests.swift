import Foundation
import Testing
import Tidemark

private let bytes = Table("bytes", key: .bytes, value: .bytes)

/// Soft limits ask for a commit, hard limits refuse with nothing changed.
@Suite struct TransactionsLimitTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  func open(
    log: FileLogOptions = FileLogOptions(), budget: MemoryBudget = .shared,
    _ change: (inout TransactionLimits) -> Void = { _ in }
  ) throws -> StateStore {
    var options = StoreOptions()
    options.budget = budget
    change(&options.transactionLimits)
    return try StateStore.open(
      directory("store"), tables: [balances, bytes], changelog: try directory.log(log), options: options)
  }

  /// Fills a transaction until a put is refused; returns the keys that were put.
  func fill(_ transaction: inout Transaction, valueBytes: Int) throws -> [[UInt8]] {
    var keys: [[UInt8]] = []
    while true {
      let key = [UInt8(keys.count >> 8), UInt8(keys.count & 0xFF)]
      let before = (transaction.uncommittedEntries, transaction.uncommittedBytes)
      do throws(StoreError) {
        try transaction.put(key, [UInt8](repeating: 7, count: valueBytes), in: bytes)
        keys.append(key)
      } catch {
        #expect(error.kind == .overBudget)
        #expect((transaction.uncommittedEntries, transaction.uncommittedBytes) == before)
        #expect(try transaction.get(key, in: bytes) == nil)
        return keys
      }
    }
  }

  @Test func theHardLimitRefusesAPutAndTheRestCommits() throws {
    let store = try open { $0.hardBytes = 10_000 }
    var transaction = try store.begin()
    let keys = try fill(&transaction, valueBytes: 100)
    #expect(keys.count > 20)
    #expect(transaction.uncommittedBytes <= 10_000)
    try transaction.commit()
    let view = try store.snapshot()
    for key in keys { #expect(try view.get(key, in: bytes)?.count == 100) }
    // There is room again.
    try transaction.put([1], [1], in: bytes)
    try transaction.commit()
  }

  @Test func theHardLimitRefusesAnUpdateADeleteAndAPutIfAbsent() throws {
    let store = try open { $0.hardBytes = 4000 }
    var transaction = try store.begin()
    let keys = try fill(&transaction, valueBytes: 500)
    func expectRefused(_ body: () throws -> Void) {
      let error = #expect(throws: StoreError.self) { try body() }
      #expect(error?.kind == .overBudget)
    }
    let value = [UInt8](repeating: 9, count: 500)
    expectRefused { try transaction.update(keys[0], in: bytes) { $0 = value } }
    expectRefused { try transaction.putIfAbsent([9], value, in: bytes) }
    #expect(try transaction.get(keys[0], in: bytes)?.first == 7)
    #expect(try transaction.putIfAbsent(keys[0], value, in: bytes) == false)
  }

  @Test func aDeleteRangeThatMeetsTheHardLimitChangesNothing() throws {
    let store = try open { $0.hardBytes = 4000 }
    for n in 0..<100 { try store.write { try $0.put([UInt8(n)], [1], in: bytes) } }
    var transaction = try store.begin()
    try transaction.put([0], [2], in: bytes)
    let before = transaction.uncommittedBytes
    let error = #expect(throws: StoreError.self) { try transaction.deleteRange(.all, in: bytes) }
    #expect(error?.kind == .overBudget)
    #expect(transaction.uncommittedBytes == before)
    #expect(try transaction.get([0], in: bytes) == [2])
    #expect(try transaction.get([50], in: bytes) == [1])
    #expect(try transaction.deleteRange(.between([10], [20]), in: bytes) == 10)
    try transaction.commit()
  }

  @Test func theSharedBudgetRefusesAPutAndTakesItAgainAfterTheCommit() throws {
    let budget = MemoryBudget(bytes: 8 << 20)
    let store = try open(budget: budget)
    var transaction = try store.begin()
    var asked = false
    var count = 0
    let value = [UInt8](repeating: 7, count: 100_000)
    let error = #expect(throws: StoreError.self) {
      while true {
        asked = asked || transaction.shouldCommit
        try transaction.put([UInt8(count)], value, in: bytes)
        count += 1
      }
    }
    #expect(error?.kind == .overBudget)
    #expect(asked)
    #expect(count > 10)
    transaction.abort()
    try transaction.put([1], value, in: bytes)
    try transaction.commit()
    #expect(try store.snapshot().get([1], in: bytes) == value)
  }

  @Test func aCommitLargerThanTheLogTakesStaysStaged() throws {
    let store = try open(log: FileLogOptions(maxCommitBytes: 5000))
    let offset = try store.snapshot().offset
    var transaction = try store.begin()
    for n in 0..<100 { try transaction.put([UInt8(n)], [UInt8](repeating: 1, count: 100), in: bytes) }
    let entries = transaction.uncommittedEntries
    for _ in 0..<2 {
      let error = #expect(throws: StoreError.self) { try transaction.commit() }
      #expect(error?.kind == .tooLarge)
      #expect(transaction.uncommittedEntries == entries)
      #expect(try transaction.get([99], in: bytes)?.count == 100)
      #expect(try store.snapshot().offset == offset)
    }
    // Net changes count: smaller values over the same keys fit.
    for n in 0..<100 { try transaction.put([UInt8(n)], [2], in: bytes) }
    try transaction.commit()
    #expect(try store.snapshot().get([99], in: bytes) == [2])
    #expect(try store.verify(in: directory("scratch")).agrees)
  }

  @Test func bytesAskForACommit() throws {
    let store = try open { $0.softBytes = 3000 }
    var transaction = try store.begin()
    #expect(transaction.shouldCommit == false)
    try transaction.put([1], [UInt8](repeating: 1, count: 2000), in: bytes)
    #expect(transaction.shouldCommit == false)
    try transaction.put([2], [UInt8](repeating: 1, count: 2000), in: bytes)
    #expect(transaction.shouldCommit == true)
    try transaction.commit()
    #expect(transaction.shouldCommit == false)
  }

  @Test func entriesAskForACommit() throws {
    let store = try open { $0.softEntries = 3 }
    var transaction = try store.begin()
    try transaction.put([1], [], in: bytes)
    try transaction.delete([2], in: bytes)
    #expect(transaction.shouldCommit == false)
    // A key counts once.
    try transaction.put([1], [1], in: bytes)
    #expect(transaction.shouldCommit == false)
    try transaction.put([3], [1], in: bytes)
    #expect(transaction.shouldCommit == true)
    transaction.abort()
    #expect(transaction.shouldCommit == false)
  }

  @Test func theTimeSinceTheFirstChangeAsksForACommit() throws {
    let store = try open { $0.softInterval = .zero }
    var transaction = try store.begin()
    #expect(transaction.shouldCommit == false)
    struct Refusal: Error {}
    try? transaction.savepoint { inner in
      try inner.put([1], [], in: bytes)
      #expect(inner.shouldCommit == true)
      throw Refusal()
    }
    #expect(transaction.shouldCommit == false)
    try transaction.put([1], [], in: bytes)
    #expect(transaction.shouldCommit == true)
    try transaction.commit()
    #expect(transaction.shouldCommit == false)
  }

  @Test func aLongIntervalDoesntAsk() throws {
    let store = try open { $0.softInterval = .seconds(3600) }
    var transaction = try store.begin()
    try transaction.put([1], [], in: bytes)
    #expect(transaction.shouldCommit == false)
  }
}
