package import Tidemark

/// A check that failed.
package struct Violation: Error, CustomStringConvertible {
  package let description: String

  package init(description: String) { self.description = description }
}

/// The checks of a snapshot of the bank.
package struct Audit {
  let view: Snapshot

  package init(_ view: Snapshot) { self.view = view }

  /// The number of applied transfers, from the position; `nil` before the accounts were opened.
  package var applied: Int64? { view.position[Bank.input]?.value }

  private func require(_ condition: Bool, _ text: @autoclosure () -> String) throws {
    if !condition { throw Violation(description: "\(text()) (offset \(view.offset), position \(view.position))") }
  }

  /// Money is constant; position, stream time and the last transfer belong to the same commit.
  ///
  /// O(accounts).
  package func quickly() throws {
    guard let applied else {
      try require(view.streamTime == nil, "stream time without a position")
      try require(try balances().isEmpty, "accounts without a position")
      return
    }
    try require(view.streamTime ?? 0 == applied, "stream time \(view.streamTime ?? 0) of another commit")
    let sum = try balances().values.reduce(0, +)
    try require(sum == Bank.total, "the sum of all balances is \(sum)")
    var last = try view.scan(Bank.transfers, .all, .descending)
    let sequence = try last.next().map(\.key)
    try require(sequence ?? -1 == applied - 1, "the last transfer is \(sequence ?? -1)")
  }

  /// There are as many rows of transfers as the position says.
  ///
  /// O(rows).
  package func count() throws {
    var rows = try view.scan(Bank.transfers)
    var count: Int64 = 0
    while try rows.withNext({ _, _ in true }) != nil { count += 1 }
    try require(count == min(applied ?? 0, Bank.keptTransfers), "\(count) rows of transfers")
  }

  /// Every row follows from the seed; none is missing and there is no other.
  ///
  /// O(transfers).
  package func wholly(seed: UInt64) throws {
    try quickly()
    guard let applied else { return }
    var expected = [Int64](repeating: Bank.openingBalance, count: Int(Bank.accounts) * 2)
    var rows = try view.scan(Bank.transfers)
    for sequence in 0..<applied {
      let transfer = Transfer(sequence, seed: seed)
      let amount = min(transfer.asked, expected[Int(transfer.from)])
      expected[Int(transfer.from)] -= amount
      expected[Int(transfer.to)] += amount
      if sequence < applied - Bank.keptTransfers { continue }
      guard let row = try rows.next() else { throw Violation(description: "transfer \(sequence) is missing") }
      try require(row.key == sequence, "transfer \(row.key) where \(sequence) belongs")
      try require(
        row.value == (transfer.from, transfer.to, amount, transfer.timestamp),
        "transfer \(sequence) is \(row.value), not \(transfer) with amount \(amount)")
    }
    let tooMany = try rows.next()
    try require(tooMany == nil, "transfer \(tooMany?.key ?? 0) was never committed")
    let found = try balances()
    for (account, balance) in expected.enumerated() where found[Int64(account)] != (balance == 0 ? nil : balance) {
      throw Violation(
        description: "account \(account) has \(String(describing: found[Int64(account)])), not \(balance) at \(applied)"
      )
    }
    try require(found.keys.allSatisfy { $0 < expected.count }, "more accounts than \(expected.count)")
  }

  /// All balances by account; an account that is empty has no row.
  private func balances() throws -> [Int64: Int64] {
    var balances: [Int64: Int64] = [:]
    var checking = try view.scan(Bank.checking)
    while let row = try checking.next() { balances[row.key] = row.value }
    var savings = try view.scan(Bank.savings)
    while let row = try savings.next() { balances[row.key + Bank.accounts] = row.value }
    return balances
  }
}
