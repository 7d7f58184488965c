import Testing
import Tidemark

@Suite struct StoreExecutorTests {
  actor Processor {
    nonisolated let executor = StoreExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
    let store: StateStore
    var transaction: Transaction

    init(_ store: StateStore) throws {
      self.store = store
      transaction = try store.begin()
    }

    func process(_ key: String, _ amount: Int64, at next: Offset) throws {
      executor.preconditionIsolated()
      try transaction.update(key, in: balances) { $0 = ($0 ?? 0) + amount }
      try transaction.commit([TopicPartition("orders", 0): next])
    }
  }

  @Test func anActorHoldsATransactionOnAThreadOfItsOwn() async throws {
    let directory = try TemporaryDirectory()
    let store = try StateStore.open(directory("store"), tables: [balances], changelog: try directory.log())
    let processor = try Processor(store)
    for number in 0..<100 { try await processor.process("a", 1, at: Offset(Int64(number) + 1)) }
    let view = try store.snapshot()
    #expect(try view.get("a", in: balances) == 100)
    #expect(view.position == [TopicPartition("orders", 0): 100])
  }
}
