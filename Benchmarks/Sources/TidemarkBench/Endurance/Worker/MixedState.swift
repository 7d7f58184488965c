import Foundation
import Logging
import Tidemark

/// The tables of an endurance run, and their invariants at every commit.
enum MixedState {
  static let items = Table("items", key: RecordKeyCodec(), value: ItemCodec())
  static let left = Table("left", key: .int64, value: .int64)
  static let right = Table("right", key: .int64, value: .int64)
  /// The item that each operation changed: a queue, filled at its end and emptied at its start.
  static let events = Table("events", key: .int64, value: .int64)
  static var tables: [any TableDefinition] { [items, left, right, events] }

  /// Opens the store.
  static func open(_ plan: EndurancePlan, _ budget: MemoryBudget) throws(StoreError) -> StateStore {
    var options = StoreOptions()
    options.budget = budget
    options.logger = Logger(label: "endurance") { _ in SwiftLogNoOpLogHandler() }
    let log = try FileLog.open(
      plan.files.log, TopicPartition("state", 0), options: FileLogOptions(segmentBytes: EndurancePlan.segmentBytes))
    return try StateStore.open(plan.files.store, tables: tables, changelog: log, options: options)
  }
}

/// The checks of a snapshot made while commits go on.
struct MixedAudit {
  let view: Snapshot
  let plan: EndurancePlan

  /// How many operations are applied.
  var position: Int64 { view.position[inputPartition]?.value ?? 0 }

  func require(_ condition: Bool, _ text: @autoclosure () -> String) throws {
    if !condition { throw WrongRead(description: "\(text()), at position \(position)") }
  }

  /// Money is constant over both sides.
  func sumBalances() throws {
    var sum: Int64 = 0
    for table in [MixedState.left, MixedState.right] {
      var rows = try view.scan(table)
      while let row = try rows.next() { sum += row.value }
    }
    let expected = 2 * MixedOperation.openAccounts(at: position, plan) * MixedOperation.openingBalance
    try require(sum == expected, "all balances add up to \(sum), not \(expected)")
  }

  /// The first and the last events are those of the position, without a gap.
  func checkEnds(of count: Int) throws {
    let events = MixedOperation.events(at: position, plan)
    var first = try view.scan(MixedState.events)
    for expected in events.prefix(count) {
      let key = try first.next()?.key
      try require(key == expected, "event \(key ?? -1) where \(expected) belongs")
    }
    var last = try view.scan(MixedState.events, .all, .descending)
    for expected in events.suffix(count).reversed() {
      let key = try last.next()?.key
      try require(key == expected, "event \(key ?? -1) where \(expected) belongs")
    }
  }

  /// The row of an item, which no operation after the position has written.
  func item(_ number: UInt64) throws -> Item? {
    guard let item = try view.get(RecordKey(number: number), in: MixedState.items) else { return nil }
    try check(item)
    try require(item.number == number, "item \(item.number) under the key of \(number)")
    return item
  }

  private func check(_ item: Item) throws {
    try require(item.version < position, "item \(item.number) of operation \(item.version)")
  }

  /// Scans rows from a key on: each is whole and in its place.
  func scanItems(from number: UInt64, count: Int) throws {
    var rows = try view.scan(MixedState.items, .from(RecordKey(number: number)))
    for _ in 0..<count {
      guard try rows.withNext({ key, value in try checkedItem(key, value) }) != nil else { return }
    }
  }

  /// The item in a row, if the row is right.
  func checkedItem(_ key: RawSpan, _ value: RawSpan) throws -> Item {
    let item = try ItemCodec().decode(value)
    try check(item)
    let expected = RecordKey(number: item.number)
    var reader = ByteReader(key)
    let isAtItsKey = reader.integer() == expected.high && reader.integer() == expected.low && reader.remaining == 0
    try require(isAtItsKey, "item \(item.number) under another key")
    return item
  }
}
