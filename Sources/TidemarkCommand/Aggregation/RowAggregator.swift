import RowInput
import Tidemark

/// Adds rows to the aggregates of their groups, as a plan says.
struct RowAggregator {
  /// What became of a row.
  enum Outcome {
    /// It is in its group's aggregates.
    case counted
    /// It doesn't fulfil the conditions.
    case excluded
    /// Its window takes no more rows.
    case late
  }

  private let plan: AggregationPlan
  private let conditions: [(column: Int, check: ConditionCheck)]
  private let timeColumn: Int
  private var key: [String] = []
  private var lastStart: (time: Timestamp, text: String)?

  /// Gets ready; the reader's columns must be those of the plan.
  init(_ plan: AggregationPlan) {
    self.plan = plan
    let first = plan.groupBy.count + plan.aggregates.count { $0.column != nil }
    conditions = (plan.conditions ?? []).enumerated().map { (first + $0.offset, ConditionCheck($0.element)) }
    timeColumn = first + conditions.count
  }

  /// Adds the reader's row; when it throws, nothing was changed.
  mutating func add(_ row: borrowing RowReader, _ transaction: inout Transaction) throws -> Outcome {
    for (column, check) in conditions where !check.holds(for: row.field(column)) { return .excluded }
    key.removeAll(keepingCapacity: true)
    var streamTime: Timestamp?
    if let window = plan.window {
      guard let time = EventTime.parse(row.field(timeColumn)), let start = window.start(of: time) else {
        throw row.error(.notATime(column: window.column, value: row.text(timeColumn)))
      }
      let latest = max(transaction.streamTime ?? time, time)
      if window.isClosed(start: start, streamTime: latest) { return .late }
      streamTime = latest
      key.append(text(start))
    }
    for column in plan.groupBy.indices { key.append(row.text(column)) }
    try transaction.update(key, in: AggregationState.groups) { cells in
      try plan.add(row, to: &cells)
    }
    if let streamTime { transaction.advance(streamTime: streamTime) }
    return .counted
  }

  private mutating func text(_ start: Timestamp) -> String {
    if let lastStart, lastStart.time == start { return lastStart.text }
    let text = EventTime.text(start)
    lastStart = (start, text)
    return text
  }
}

extension AggregationPlan {
  /// Adds the reader's row to the aggregates of its group.
  func add(_ row: borrowing RowReader, to cells: inout [AggregateCell]?) throws {
    var updated = cells ?? [AggregateCell](repeating: .none, count: aggregates.count)
    var column = groupBy.count
    for (index, aggregate) in aggregates.enumerated() {
      if aggregate.function == .count {
        updated[index] = .number(try updated[index].adding(ExactDecimal(1)) ?? ExactDecimal(1))
        continue
      }
      defer { column += 1 }
      guard row.field(column).byteCount > 0 else { continue }
      switch aggregate.function {
      case .count: break
      case .sum:
        guard let value = try row.decimal(column) else { continue }
        guard let sum = try updated[index].adding(value) else {
          throw row.error(.numberOutOfRange(column: aggregate.column ?? "", value: row.text(column)))
        }
        updated[index] = .number(sum)
      case .min:
        let value = AggregateCell(row.field(column))
        if updated[index] == .none || value.precedes(updated[index]) { updated[index] = value }
      case .max:
        let value = AggregateCell(row.field(column))
        if updated[index].precedes(value) { updated[index] = value }
      case .last:
        updated[index] = .text(row.field(column).array)
      }
    }
    cells = updated
  }
}

extension AggregateCell {
  /// The sum with a number; `nil` if it is out of range.
  fileprivate func adding(_ value: ExactDecimal) throws -> ExactDecimal? {
    switch self {
    case .none: value
    case .number(let number): number.adding(value)
    case .text: throw StoreError(.corrupted, "a sum is a text")
    }
  }
}
