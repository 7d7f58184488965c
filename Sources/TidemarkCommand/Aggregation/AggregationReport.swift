import Foundation
import Tidemark

/// The report at the end of a run.
struct AggregationReport {
  let summary: AggregationJob.Summary
  let offset: Offset
  let seconds: Double
  let plan: AggregationPlan
  /// The state directory, as given on the command line.
  let state: String

  /// One line on standard output.
  func printSummary() throws {
    let rate = Int(Double(summary.records) / max(seconds, 0.001))
    try printLine(
      "\(counted(summary.records, "row")) in \(String(format: "%.2f", seconds)) s (\(grouped(rate)) rows/s),"
        + " \(counted(summary.commits, "commit")), changelog offset \(offset)")
    guard isatty(STDOUT_FILENO) == 1 else { return }
    // For a person at the terminal: where the result is, and what to type next.
    let option = "--state \(state.contains(" ") ? "'\(state)'" : state)"
    try printLine("the result is in \(state); see it with\n  tidemark scan --limit 20 \(option)")
    if let aggregate = plan.aggregates.first { try printLine("  tidemark top 10 --by \"\(aggregate.name)\" \(option)") }
  }

  /// The rows that are in no group's aggregates, on standard error; nothing if there are none.
  func printLeftOut() {
    let leftOut = summary.leftOut
    var lines: [String] = []
    if leftOut.excluded > 0 { lines.append("\(grouped(leftOut.excluded)) rows don't fulfil --where") }
    if leftOut.late > 0 {
      lines.append("\(grouped(leftOut.late)) rows were late and are dropped: their window had ended; see --grace")
    }
    if leftOut.skipped > 0 {
      lines.append("\(grouped(leftOut.skipped)) bad rows are skipped:")
      lines += leftOut.firstSkipped.map { "  " + $0.text }
      let more = leftOut.skipped - leftOut.firstSkipped.count
      if more > 0 { lines.append("  and \(grouped(more)) more") }
    }
    lines += summary.notices
    for line in lines { printMessage(visible(line) + "\n") }
  }

  /// One JSON object on standard error, the last of the progress.
  func printJSON() throws {
    struct Event: Encodable {
      var event = "done"
      var records: Int
      var commits: Int
      var offset: Int64
      var seconds: Double
      var skippedRows: Int
      var lateRows: Int
      var excludedRows: Int
      var skipped: [SkippedRow]
      var notices: [String]
    }
    let leftOut = summary.leftOut
    let event = Event(
      records: summary.records, commits: summary.commits, offset: offset.value, seconds: seconds,
      skippedRows: leftOut.skipped, lateRows: leftOut.late, excludedRows: leftOut.excluded,
      skipped: leftOut.firstSkipped, notices: summary.notices)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    printMessage(String(decoding: try encoder.encode(event), as: UTF8.self) + "\n")
  }
}
