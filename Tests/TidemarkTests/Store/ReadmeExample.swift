import Tidemark

let totals = Table("totals", key: .string, value: .int64)
let payments = TopicPartition("payments", 0)

/// Adds up payments by customer; restarted after a crash, it continues after the last commit.
func process(_ input: [(customer: String, cents: Int64)], in directory: String) throws {
  let changelog = try FileLog.open(directory, TopicPartition("totals", 0))
  let store = try StateStore.open(directory + "/store", tables: [totals], changelog: changelog)
  let done = try store.snapshot().position[payments] ?? 0
  var transaction = try store.begin()
  for (index, payment) in input.enumerated().dropFirst(Int(done.value)) {
    try transaction.update(payment.customer, in: totals) { $0 = ($0 ?? 0) + payment.cents }
    if transaction.shouldCommit { try transaction.commit([payments: Offset(Int64(index) + 1)]) }
  }
  try transaction.commit([payments: Offset(Int64(input.count))])
  var rows = try store.snapshot().scan(totals, .prefix("a"), .descending)
  while let (customer, cents) = try rows.next() { print(customer, cents) }
  try store.close()
}
