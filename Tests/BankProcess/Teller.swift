import Dispatch
import Synchronization
import Tidemark

/// Applies transfers for as long as it lives, and prints each commit.
struct Teller: ~Copyable {
  let store: StateStore
  let seed: UInt64
  let progress: Progress
  private var draw: Draw
  private var transaction: Transaction

  init(_ store: StateStore, seed: UInt64, round: UInt64, _ progress: Progress) throws {
    self.store = store
    self.seed = seed
    self.progress = progress
    draw = Draw(seed &+ round &* 7919)
    transaction = try store.begin()
  }

  /// Opens the accounts, unless they are open.
  mutating func openAccounts() throws {
    guard try store.snapshot().position[Bank.input] == nil else { return }
    for account in 0..<Bank.accounts {
      try transaction.put(account, Bank.openingBalance, in: Bank.checking)
      try transaction.put(account, Bank.openingBalance, in: Bank.savings)
    }
    try transaction.commit([Bank.input: 0])
  }

  mutating func run(from start: Int64) throws {
    var next = start
    while true {
      let chance = draw.below(100)
      if chance < 10 {
        for bogus in 0..<Int64(1 + draw.below(20)) { try applyBogus(bogus) }
        transaction.abort()
      }
      let count = Int64(1 + draw.below(chance == 0 ? 2000 : chance < 5 ? 400 : 24))
      for sequence in next..<next + count {
        if draw.below(40) == 0 { try rollBack(sequence) }
        try Self.apply(Transfer(sequence, seed: seed), to: &transaction)
      }
      for sequence in max(0, next - Bank.keptTransfers)..<max(0, next + count - Bank.keptTransfers) {
        try transaction.delete(sequence, in: Bank.transfers)
      }
      next += count
      say("try \(next)")
      progress.begun.store(next, ordering: .sequentiallyConsistent)
      try transaction.commit([Bank.input: Offset(next)])
      progress.committed.store(next, ordering: .sequentiallyConsistent)
      say("ack \(next)")
      if draw.below(60) == 0 { try store.flush() }
      if draw.below(25) == 0 { progress.checkpointIsDue.signal() }
    }
  }

  private static func apply(_ transfer: Transfer, to transaction: inout Transaction) throws {
    let amount = min(transfer.asked, try add(0, to: transfer.from, in: &transaction))
    if amount > 0 {
      try add(-amount, to: transfer.from, in: &transaction)
      try add(amount, to: transfer.to, in: &transaction)
    }
    try transaction.put(
      transfer.sequence, (transfer.from, transfer.to, amount, transfer.timestamp), in: Bank.transfers)
    transaction.advance(streamTime: transfer.timestamp)
  }

  /// Changes a balance and returns it; an empty account has no row.
  @discardableResult
  private static func add(_ amount: Int64, to account: Int64, in transaction: inout Transaction) throws -> Int64 {
    let isSavings = account >= Bank.accounts
    let table = isSavings ? Bank.savings : Bank.checking
    var balance: Int64 = 0
    try transaction.update(isSavings ? account - Bank.accounts : account, in: table) { value in
      balance = (value ?? 0) + amount
      value = balance == 0 ? nil : balance
    }
    return balance
  }

  /// Changes that must never be seen.
  private mutating func applyBogus(_ number: Int64) throws {
    try transaction.put(Bank.bogusSequence + number, (0, 0, -1, 0), in: Bank.transfers)
    try transaction.put(number % Bank.accounts, -1_000_000, in: Bank.checking)
    try transaction.delete(number % Bank.accounts, in: Bank.savings)
    transaction.advance(streamTime: Bank.bogusSequence)
  }

  private mutating func rollBack(_ sequence: Int64) throws {
    struct ChangeOfMind: Error {}
    do {
      try transaction.savepoint { transaction in
        try transaction.put(sequence + 5000, (1, 1, -1, 0), in: Bank.transfers)
        try transaction.put(sequence % Bank.accounts, -9, in: Bank.savings)
        transaction.advance(streamTime: Bank.bogusSequence)
        throw ChangeOfMind()
      }
    } catch is ChangeOfMind {}
  }
}
