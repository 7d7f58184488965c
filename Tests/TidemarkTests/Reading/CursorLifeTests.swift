import Testing
import Tidemark

/// Cursors after the end of the transaction or view that they read.
@Suite struct CursorLifeTests {
  let directory: TemporaryDirectory
  let store: StateStore

  init() throws {
    directory = try TemporaryDirectory(inMemory: true)
    store = try StateStore.open(directory("store"), tables: [balances])
    try store.write { transaction in
      for name in ["anna", "bert", "cleo"] { try transaction.put(name, 1, in: balances) }
    }
  }

  /// A scan that outlives its transaction, after one row.
  private func scanOfAnEndedTransaction() throws -> Cursor<StringCodec, IntegerCodec<Int64>> {
    let transaction = try store.begin()
    var rows = try transaction.scan(balances)
    let first = try rows.next()?.key
    #expect(first == "anna")
    return rows
  }

  @Test func aCursorOfATransactionIsClosedWithIt() throws {
    var rows = try scanOfAnEndedTransaction()
    for _ in 0..<2 {
      do throws(StoreError) {
        _ = try rows.next()
        Issue.record("a row of a transaction that is over")
      } catch {
        #expect(error.kind == .closed)
      }
    }
    // Also once another transaction has begun.
    var transaction = try store.begin()
    try transaction.put("dora", 1, in: balances)
    do throws(StoreError) {
      _ = try rows.next()
      Issue.record("a row of a transaction that is over")
    } catch {
      #expect(error.kind == .closed)
    }
  }

  @Test func aCursorGoesOnAfterACommitAndAnAbort() throws {
    var transaction = try store.begin()
    var rows = try transaction.scan(balances)
    var found: [String] = []
    if let row = try rows.next() { found.append(row.key) }
    try transaction.put("bea", 1, in: balances)
    try transaction.commit()
    if let row = try rows.next() { found.append(row.key) }
    try transaction.put("bella", 1, in: balances)
    transaction.abort()
    if let row = try rows.next() { found.append(row.key) }
    #expect(found == ["anna", "bea", "bert"])
  }

  @Test func aCursorOfATransactionIsClosedWithTheStore() throws {
    let transaction = try store.begin()
    var rows = try transaction.scan(balances)
    _ = try rows.next()
    try store.close()
    do throws(StoreError) {
      _ = try rows.next()
      Issue.record("a row of a store that is closed")
    } catch {
      #expect(error.kind == .closed)
    }
    _ = try? transaction.get("anna", in: balances)
  }

  @Test func aCursorOfASnapshotGoesOnAfterTheStoreIsClosed() throws {
    var rows = try store.snapshot().scan(balances)
    _ = try rows.next()
    try store.close()
    let row = try rows.next()
    #expect(row?.key == "bert")
  }
}
