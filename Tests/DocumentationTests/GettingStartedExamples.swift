import Tidemark

struct Order: Codable, Sendable, Equatable {
  var customer: String
  var time: Timestamp
  var cents: Int64
}

let spent = Table("spent", key: .string, value: .int64)
let orders = Table("orders", key: .tuple(.string, .int64), value: .compact(Order.self))
let input = TopicPartition("orders", 0)

func openStore(in directory: String) throws(StoreError) -> StateStore {
  let changelog = try FileLog.open(directory + "/changelog", TopicPartition("orders-state", 0))
  return try StateStore.open(directory + "/store", tables: [spent, orders], changelog: changelog)
}

/// Processes orders one by one; `next` is the input offset behind the order.
actor OrderProcessor {
  nonisolated let executor = StoreExecutor("orders")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  private let store: StateStore
  private var transaction: Transaction

  init(_ store: StateStore) throws {
    self.store = store
    transaction = try store.begin()
  }

  /// Where to read on from the input.
  func start() throws -> Offset { try store.snapshot().position[input] ?? 0 }

  func process(_ order: Order, next: Offset) throws {
    try transaction.update(order.customer, in: spent) { $0 = ($0 ?? 0) + order.cents }
    try transaction.put((order.customer, order.time), order, in: orders)
    transaction.advance(streamTime: order.time)
    if transaction.shouldCommit { try transaction.commit([input: next]) }
  }

  func finish(at next: Offset) throws {
    try transaction.commit([input: next])
    try store.close()
  }
}

/// Adds an amount to what a customer has spent, from any task; answers the sum.
func add(_ cents: Int64, to customer: String, next: Offset, in store: StateStore) async throws -> Int64 {
  try await store.write([input: next]) { transaction in
    try transaction.update(customer, in: spent, default: 0) { $0 += cents }
  }
  return try await store.read { view in try view.get(customer, in: spent) ?? 0 }
}

/// What a customer has spent, with the order that the caller sent: the record of the input before `next`.
func spent(by customer: String, upTo next: Offset, in store: StateStore) async throws -> Int64 {
  let view = try await store.snapshot(atLeast: [input: next], timeout: .seconds(2))
  return try view.get(customer, in: spent) ?? 0
}

/// Takes an order only if the customer's limit allows it; otherwise nothing of it stays in the transaction.
func take(_ order: Order, limit: Int64, in transaction: inout Transaction) throws -> Bool {
  struct OverLimit: Error {}
  do {
    try transaction.savepoint { part in
      try part.put((order.customer, order.time), order, in: orders)
      try part.update(order.customer, in: spent) { $0 = ($0 ?? 0) + order.cents }
      if let sum = try part.get(order.customer, in: spent), sum > limit { throw OverLimit() }
    }
    return true
  } catch is OverLimit {
    return false
  }
}

/// A customer's latest orders, newest first.
func latestOrders(of customer: String, in view: Snapshot, atMost count: Int) throws -> [Order] {
  var rows = try view.scan(orders, .prefix(customer, as: .string), .descending)
  var found: [Order] = []
  while found.count < count, let row = try rows.next() { found.append(row.value) }
  return found
}

/// One page of customers, and where the next page starts.
func page(of view: Snapshot, after: ScanContinuation?) throws -> (names: [String], next: ScanContinuation?) {
  var rows = try view.scan(spent, after: after)
  var names: [String] = []
  while names.count < 100, let row = try rows.next() { names.append(row.key) }
  return (names, names.count == 100 ? rows.continuation : nil)
}

/// What the customers with certain names have spent, and the latest order of one before a time.
func report(
  _ names: Range<String>, _ customer: String, before time: Timestamp, in view: Snapshot
) throws -> (cents: Int64, latest: Order?) {
  var cents: Int64 = 0
  try view.scan(spent, names).forEach { _, sum in cents += sum }
  let latest = try view.last(in: orders, .between((customer, 0), (customer, time)))
  return (cents, latest?.value)
}

/// What a customer has spent until now, with what the transaction in progress has added.
func spentUntilNow(by customer: String, in store: StateStore) throws -> Int64 {
  try store.reader(.readUncommitted).get(customer, in: spent) ?? 0
}

/// Without a changelog, the store keeps its last commits in a log of its own.
func count(_ word: String, in directory: String) throws -> Int64 {
  let words = Table("words", key: .string, value: .int64)
  let store = try StateStore.open(directory, tables: [words])
  let count = try store.write { transaction in
    try transaction.update(word, in: words) { $0 = ($0 ?? 0) + 1 }
    return try transaction.get(word, in: words) ?? 0
  }
  try store.close()
  return count
}
