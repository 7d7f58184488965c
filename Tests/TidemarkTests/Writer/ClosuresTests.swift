import Testing
import Tidemark

/// The calls that a store's closures may make, and the errors that come out of them.
@Suite struct ClosuresTests {
  let directory: TemporaryDirectory
  let store: StateStore

  init() throws {
    directory = try TemporaryDirectory(inMemory: true)
    store = try StateStore.open(directory("store"), tables: [balances, orders], changelog: try directory.log())
  }

  private struct Own: Error, Equatable {}

  @Test func aClosureCannotCommitItsTransaction() throws {
    let offset = try store.snapshot().offset
    let error = #expect(throws: StoreError.self) {
      try store.write([TopicPartition("input", 0): 1]) { transaction in
        try transaction.put("anna", 1, in: balances)
        try transaction.commit()
      }
    }
    #expect(error?.kind == .invalidArgument)
    #expect(try store.snapshot().offset == offset)
    // The refused commit alone changes nothing: the write commits if its closure goes on.
    try store.write { transaction in
      try transaction.put("anna", 2, in: balances)
      #expect(throws: StoreError.self) { try transaction.commit() }
      #expect(throws: StoreError.self) { try transaction.savepoint { try $0.commit() } }
    }
    #expect(try store.snapshot().get("anna", in: balances) == 2)
  }

  @Test func aClosureThatAbortsCommitsNothingOfTheRest() throws {
    let input = TopicPartition("input", 0)
    for inSavepoint in [false, true] {
      let error = #expect(throws: StoreError.self) {
        try store.write([input: 1]) { transaction in
          try transaction.put("anna", 1, in: balances)
          if inSavepoint { try transaction.savepoint { $0.abort() } } else { transaction.abort() }
          try transaction.put("bert", 1, in: balances)
        }
      }
      #expect(error?.kind == .invalidArgument)
      let view = try store.snapshot()
      #expect(try view.get("bert", in: balances) == nil)
      #expect(view.position[input] == nil)
    }
    var transaction = try store.begin()
    try transaction.put("anna", 3, in: balances)
    transaction.abort()
    try transaction.put("bert", 3, in: balances)
    try transaction.commit()
    #expect(try store.snapshot().get("bert", in: balances) == 3)
  }

  @Test func aClosureCannotPutAnotherTransactionInPlaceOfItsOwn() throws {
    let other = try StateStore.open(directory("other"), tables: [balances])
    let error = #expect(throws: StoreError.self) {
      try store.write { transaction in
        try transaction.put("anna", 1, in: balances)
        transaction = try other.begin()
        try transaction.put("bert", 1, in: balances)
      }
    }
    #expect(error?.kind == .invalidArgument)
    #expect(try store.snapshot().get("anna", in: balances) == nil)
    #expect(try other.snapshot().get("bert", in: balances) == nil)
  }

  @Test func anErrorOfTheCallersOwnComesOutAsItIs() throws {
    #expect(throws: Own()) { try store.write { _ in throw Own() } }
    var transaction = try store.begin()
    try transaction.put("anna", 1, in: balances)
    #expect(throws: Own()) { try transaction.update("anna", in: balances) { _ in throw Own() } }
    #expect(throws: Own()) { try transaction.update("bert", in: balances, default: 0) { _ in throw Own() } }
    #expect(throws: Own()) { try transaction.withBytes("anna", in: balances) { _ in throw Own() } }
    #expect(throws: Own()) { try transaction.savepoint { _ in throw Own() } }
    #expect(throws: Own()) { try transaction.scan(balances).forEach { _, _ in throw Own() } }
    #expect(try transaction.get("anna", in: balances) == 1)
    #expect(try transaction.get("bert", in: balances) == nil)
  }

  /// Compiles: each call throws only `StoreError` if its closure does, or throws nothing.
  private func typed(_ view: Snapshot, _ reader: Reader) throws(StoreError) -> Int64 {
    let written = try store.write { (transaction) throws(StoreError) in
      try transaction.put("anna", 1, in: balances)
      try transaction.update("anna", in: balances) { $0 = ($0 ?? 0) + 1 }
      try transaction.update("anna", in: balances, default: 0) { $0 += 1 }
      try transaction.update("bert", in: balances, default: 0) { (balance) throws(StoreError) in balance += 1 }
      try transaction.savepoint { (part) throws(StoreError) in try part.put("cleo", 1, in: balances) }
      let count = try transaction.withBytes("anna", in: balances) { $0.byteCount }
      return (count, try transaction.get("anna", in: balances))
    }
    _ = try view.withBytes("anna", in: balances) { $0.byteCount }
    _ = try reader.withBytes("anna", in: balances) { $0.byteCount }
    var sum: Int64 = 0
    try view.scan(balances).forEach { _, value in sum += value }
    var rows = try view.scan(balances)
    _ = try rows.withNext { key, _ in key.byteCount }
    return written.1 ?? -1
  }

  @Test func closuresOfTheStoresOwnErrorKeepItsType() throws {
    #expect(try typed(try store.snapshot(), try store.reader()) == 3)
    do throws(StoreError) {
      _ = try store.write { (transaction) throws(StoreError) in
        throw StoreError(.cancelled, "planned")
      }
    } catch {
      #expect(error.kind == .cancelled)
    }
  }
}
