import RowInput
import Tidemark

/// Adds rows to the aggregates of their groups, as a plan says.
struct RowAggregator {
  /// The outcome for one row.
  enum Outcome {
    /// It is in its group's aggregates.
    case counted
    /// It doesn't fulfil the conditions.
    case excluded
    /// Its window accepts no more rows.
    case late
  }

  private let plan: AggregationPlan
  private let conditions: [(column: Int, check: ConditionCheck)]
  private let timeColumn: Int
  private let latestTime: Timestamp
  private var key: [String] = []
  private var lastStart: (time: Timestamp, text: String)?

  /// Makes an aggregator; the reader's columns must be those of the plan.
  ///
  /// A row with a time after `latestTime` is bad: it would close the windows of all others.
  init(_ plan: AggregationPlan, latestTime: Timestamp) {
    self.plan = plan
    self.latestTime = latestTime
    let first = plan.groupBy.count + plan.aggregates.count { $0.column != nil }
    conditions = (plan.conditions ?? []).enumerated().map { (first + $0.offset, ConditionCheck($0.element)) }
    timeColumn = first + conditions.count
  }

  /// Adds the reader's row; if it throws, nothing has changed.
  mutating func add(_ row: borrowing RowReader, _ transaction: inout Transaction) throws -> Outcome {
    for index in conditions.indices where try !holds(index, for: row) { return .excluded }
    key.removeAll(keepingCapacity: true)
    var streamTime: Timestamp?
    if let window = plan.window {
      guard let time = EventTime.parse(row.field(timeColumn), unit: window.timeUnit), let start = window.start(of: time)
      else { throw row.error(.notATime(column: window.column, value: row.text(timeColumn))) }
      guard time <= latestTime else {
        throw row.error(
          .timeTooLate(column: window.column, value: row.text(timeColumn), latest: EventTime.text(latestTime)))
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

  /// Whether the row fulfils a condition.
  private func holds(_ index: Int, for row: borrowing RowReader) throws(InputError) -> Bool {
    let column = conditions[index].column
    if plan.null != nil, plan.isNull(row, column) { return conditions[index].check.holdsForNone }
    do throws(ExactDecimal.ParseError) { return try conditions[index].check.holds(for: row.field(column)) } catch {
      throw row.error(.numberOutOfRange(column: conditions[index].check.column, value: row.text(column)))
    }
  }

  private mutating func text(_ start: Timestamp) -> String {
    if let lastStart, lastStart.time == start { return lastStart.text }
    let text = plan.window?.text(start) ?? EventTime.text(start)
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
        updated[index] = .number(try updated[index].adding(ExactNumber(1)))
        continue
      }
      defer { column += 1 }
      if isNull(row, column) { continue }
      switch aggregate.function {
      case .count: break
      case .sum:
        guard let value = try row.number(column) else { continue }
        updated[index] = .number(try updated[index].adding(value))
      case .min:
        let value = try cell(row, column, aggregate)
        if updated[index] == .none || value.precedes(updated[index]) { updated[index] = value }
      case .max:
        let value = try cell(row, column, aggregate)
        if updated[index].precedes(value) { updated[index] = value }
      case .last:
        updated[index] = .text(row.field(column).array)
      }
    }
    cells = updated
  }

  /// Whether the reader's row has no value in a column.
  func isNull(_ row: borrowing RowReader, _ column: Int) -> Bool {
    let count = row.field(column).byteCount
    guard count > 0, let null, null.utf8.count == count else { return count == 0 }
    return row.text(column).utf8.elementsEqual(null.utf8)
  }

  private func cell(_ row: borrowing RowReader, _ column: Int, _ aggregate: Aggregate) throws -> AggregateCell {
    do { return try AggregateCell(row.field(column)) } catch {
      throw row.error(.numberOutOfRange(column: aggregate.column ?? "", value: row.text(column)))
    }
  }
}

extension AggregateCell {
  /// The sum with a number.
  fileprivate func adding(_ value: ExactNumber) throws -> ExactNumber {
    switch self {
    case .none: value
    case .number(let number): number.adding(value)
    case .text: throw StoreError(.corrupted, "a sum is a text")
    }
  }
}
