import RowInput

/// Rows that were read and are in no group's aggregates.
struct LeftOutRows: Equatable, Sendable {
  /// Bad rows that `--skip-bad-rows` left out.
  var skipped = 0
  /// Rows whose window had ended.
  var late = 0
  /// Rows that don't fulfil `--where`.
  var excluded = 0
  /// The first bad rows.
  var firstSkipped: [SkippedRow] = []

  /// Adds those of another input.
  mutating func add(_ other: LeftOutRows) {
    skipped += other.skipped
    late += other.late
    excluded += other.excluded
    firstSkipped += other.firstSkipped.prefix(max(0, SkippedRow.greatestCount - firstSkipped.count))
  }
}

/// A bad row that was left out.
struct SkippedRow: Codable, Equatable, Sendable {
  /// How many bad rows are kept and listed.
  static let greatestCount = 20

  var file: String
  var line: Int
  var reason: String

  /// The same text as in an error.
  var text: String { "\(file) line \(line): \(reason)" }
}

extension AggregationState.InputProgress {
  /// The rows left out so far.
  var leftOut: LeftOutRows {
    LeftOutRows(
      skipped: skippedRows ?? 0, late: lateRows ?? 0, excluded: excludedRows ?? 0, firstSkipped: firstSkipped ?? [])
  }

  /// Counts a bad row that starts on a line.
  mutating func skip(_ error: InputError, line: Int) {
    skippedRows = (skippedRows ?? 0) + 1
    // An unclosed quote is noticed only at the next quote, which may be on a later line.
    let place = error.line.map { $0 == line ? "" : " (on line \($0))" } ?? ""
    if firstSkipped?.count ?? 0 < SkippedRow.greatestCount {
      firstSkipped = (firstSkipped ?? []) + [SkippedRow(file: error.file, line: line, reason: error.reason + place)]
    }
  }
}
