import Foundation
import Tidemark

/// Applies operations one after the other, as they fall due, in commits of many sizes.
struct MixedWriter: ~Copyable {
  private static let loadedPerCommit: Int64 = 2000

  private let plan: EndurancePlan
  private let counters: WorkerCounters
  private let zipf: Zipf
  private var random: SeededGenerator
  private var transaction: Transaction
  private var changes = 0

  init(_ store: StateStore, _ plan: EndurancePlan, _ counters: WorkerCounters) throws {
    self.plan = plan
    self.counters = counters
    zipf = Zipf(count: plan.items, exponent: Workload.zipfExponent)
    random = SeededGenerator(seed: plan.seed &+ now())
    transaction = try store.begin()
  }

  /// Loads the missing items as fast as possible.
  mutating func load(from start: Int64) throws {
    var next = start
    while next < plan.items {
      let end = min(next + Self.loadedPerCommit, Int64(plan.items))
      try commit(next..<end)
      next = end
    }
  }

  /// Runs without an end.
  mutating func run(from start: Int64) throws {
    var next = start
    let begin = now()
    while true {
      let dueAt = begin + UInt64(Double(next - start) / Double(plan.rate) * 1e9)
      sleep(until: dueAt)
      let end = next + drawSize()
      try commit(next..<end)
      next = end
    }
  }

  /// Many commits are small; every few seconds there is one of some thousand operations.
  private mutating func drawSize() -> Int64 {
    func number(_ range: ClosedRange<Int64>) -> Int64 { .random(in: range, using: &random) }
    return switch random.next() % 1000 {
    case 0..<2: number(2000...4000)
    case 2..<30: number(200...1500)
    case 30..<200: number(20...100)
    default: number(1...8)
    }
  }

  private mutating func commit(_ operations: Range<Int64>) throws {
    changes = 0
    for number in operations { try apply(MixedOperation(number, plan, zipf)) }
    say("try \(operations.upperBound)")
    let begin = now()
    try transaction.commit([inputPartition: Offset(operations.upperBound)])
    counters.committed(now() - begin, operations: operations.count, changes: changes)
    say("ack \(operations.upperBound)")
  }

  private mutating func apply(_ operation: MixedOperation) throws {
    transaction.advance(streamTime: operation.number)
    try transaction.update(RecordKey(number: operation.item), in: MixedState.items) { item in
      let count = item?.count ?? 0
      item =
        operation.deletesItem
        ? nil : Item(number: operation.item, version: operation.number, count: count + 1)
    }
    changes += 1
    if operation.number < plan.items {
      guard operation.number < MixedOperation.accounts else { return }
      try transaction.put(operation.number, MixedOperation.openingBalance, in: MixedState.left)
      try transaction.put(operation.number, MixedOperation.openingBalance, in: MixedState.right)
      changes += 2
      return
    }
    try transaction.put(operation.number, Int64(operation.item), in: MixedState.events)
    changes += 1
    let forgotten = operation.number - MixedOperation.keptEvents
    if forgotten >= plan.items {
      try transaction.delete(forgotten, in: MixedState.events)
      changes += 1
    }
    if let transfer = operation.transfer {
      let amount = transfer.isFromLeft ? transfer.amount : -transfer.amount
      try transaction.update(transfer.from, in: MixedState.left) { $0 = ($0 ?? 0) - amount }
      try transaction.update(transfer.to, in: MixedState.right) { $0 = ($0 ?? 0) + amount }
      changes += 2
    }
  }
}
