import Foundation
import RowInput
import Tidemark

/// Reads input files and keeps the aggregates of their groups; each commit carries how far the files were read.
struct AggregationJob {
  var state: AggregationState
  var files: [String]
  var format: RowFormat?
  /// Commit after this many records.
  var commitRecords: Int
  /// Commit after this time, too.
  var commitInterval: Duration

  /// What a run did.
  struct Summary {
    var records = 0
    var commits = 0
    /// The signal that ended it early.
    var signal: Int32?
  }

  /// Runs to the end of the files, or until a signal comes; everything that was read is committed then, also when a row
  /// is bad, before the error is thrown.
  func run(_ report: (_ records: Int, _ bytes: Int) -> Void) throws -> Summary {
    var summary = Summary()
    var transaction = try state.store.begin()
    var bytesBefore = 0
    for file in files {
      try read(file, &transaction, &summary) { records, bytes in report(records, bytesBefore + bytes) }
      if summary.signal != nil { break }
      bytesBefore += fileSize(file)
    }
    return summary
  }

  private func read(
    _ file: String, _ transaction: inout Transaction, _ summary: inout Summary,
    _ report: (_ records: Int, _ bytes: Int) -> Void
  ) throws {
    var progress = try InputFile(file).progress(in: transaction)
    let plan = state.plan
    var reader = try RowReader.open(file, format: format, columns: plan.columns, from: progress.rowPosition)
    var lastCommit = ContinuousClock.now
    var uncommitted = 0
    var key: [String] = []
    // Whether the reader's row is read and not yet counted.
    var isInRow = false
    func commit() throws {
      let next = isInRow ? reader.row : reader.position
      (progress.bytes, progress.line, progress.record) = (next.offset, next.line, next.record)
      try InputFile(file).remember(&progress)
      try transaction.put(InputFile(file).key, progress, in: AggregationState.inputs)
      try transaction.commit([progress.topicPartition: Offset(Int64(next.offset))])
      summary.records += uncommitted
      summary.commits += 1
      uncommitted = 0
      lastCommit = .now
    }
    do {
      while try reader.next() {
        isInRow = true
        key.removeAll(keepingCapacity: true)
        for column in plan.groupBy.indices { key.append(reader.text(column)) }
        try transaction.update(key, in: AggregationState.groups) { cells in
          try plan.add(reader, to: &cells)
        }
        isInRow = false
        uncommitted += 1
        guard uncommitted & 63 == 0 || uncommitted >= commitRecords else { continue }
        if Signals.pending != nil { break }
        report(summary.records + uncommitted, reader.position.offset)
        if uncommitted >= commitRecords || transaction.shouldCommit
          || lastCommit.duration(to: .now) >= commitInterval
        {
          try commit()
        }
      }
    } catch let error as InputError {
      // The rows before the bad one count, and the next run starts with it.
      try commit()
      throw error
    }
    try commit()
    summary.signal = Signals.pending
    report(summary.records, reader.position.offset)
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
