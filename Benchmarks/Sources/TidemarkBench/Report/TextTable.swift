/// Rows of text in columns: the first columns to the left, numbers to the right.
struct TextTable {
  let header: [String]
  /// The number of text columns.
  let textColumns: Int
  private var rows: [[String]] = []

  init(_ header: [String], textColumns: Int) {
    self.header = header
    self.textColumns = textColumns
  }

  mutating func append(_ row: [String]) { rows.append(row) }

  var text: String {
    let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
    func line(_ cells: [String]) -> String {
      var line = ""
      for (column, cell) in cells.enumerated() {
        let space = String(repeating: " ", count: widths[column] - cell.count)
        line += (column == 0 ? "" : "  ") + (column < textColumns ? cell + space : space + cell)
      }
      while line.last == " " { line.removeLast() }
      return line
    }
    let rule = widths.map { String(repeating: "-", count: $0) }.joined(separator: "  ")
    return ([line(header), rule] + rows.map(line)).joined(separator: "\n")
  }
}

extension Results {
  /// The rows in readable form, group by group.
  var text: String {
    var parts: [String] = []
    for group in rows.map(\.group).inFirstOrder {
      var table = TextTable(
        [
          "case", "keys", "a commit", "ns/record", "ratio", "of rounds", "against", "bar", "p50", "p99", "p99.9", "max",
          "written", "on disk", "debt",
        ], textColumns: 2)
      for row in rows where row.group == group { table.append(row.cells) }
      parts.append("\(group)\n\n\(table.text)")
    }
    return parts.joined(separator: "\n\n")
  }

  /// How many bars are reached, and which are missed by how much.
  var verdict: String {
    let measured = rows.flatMap { row in row.bars.map { (row, $0) } }
    let missed = measured.filter { row, bar in !bar.isReached(by: row) }
    let summary = "\(measured.count - missed.count) of \(measured.count) bars are reached"
    if missed.isEmpty { return summary }
    var table = TextTable(["not reached in", "case", "a commit", "measured", "bar"], textColumns: 2)
    for (row, bar) in missed {
      table.append([
        row.group, row.name, row.recordsPerCommit?.grouped ?? "", bar.measured(in: row), bar.text,
      ])
    }
    return "\(summary)\n\n\(table.text)"
  }

  /// The meaning of the columns.
  static let legend = """
    ratio      the baseline's time divided by the case's in the same turn; the middle of the rounds: more is better
    of rounds  the least and the greatest ratio of a round
    p50 …      latency of one commit, write, put or get
    written    bytes handed to the file system for each byte of keys and values (log, changelog, flushes, compactions)
    debt       what is left to compactions: RocksDB's estimate in MiB, files in level 0
    """
}

extension Row {
  /// The bars, and whether they are reached.
  fileprivate var barsText: String {
    bars.map { "\($0.text) \($0.isReached(by: self) ? "pass" : "fail")" }.joined(separator: ", ")
  }

  fileprivate var cells: [String] {
    return [
      name, distribution.rawValue, recordsPerCommit?.grouped ?? "", nanosecondsPerRecord.fixed(0),
      ratio?.fixed(2) ?? "", ratioRange.map { "\($0[0].fixed(2))–\($0[1].fixed(2))" } ?? "", against ?? "", barsText,
      latency.map { duration($0.p50) } ?? "", latency.map { duration($0.p99) } ?? "",
      latency.map { duration($0.p999) } ?? "", latency.map { duration($0.max) } ?? "",
      writeAmplification?.fixed(2) ?? "", databaseBytes.map { mebibytes($0 + (changelogBytes ?? 0)) } ?? "",
      debt.map { "\(mebibytes($0.pendingBytes)), \($0.levelZeroFiles)" } ?? "",
    ]
  }
}

extension Double {
  /// Without needless digits.
  var shortest: String { self == rounded() ? fixed(0) : "\(self)" }
}

/// A time in the unit that suits it.
func duration(_ nanoseconds: UInt64) -> String {
  switch nanoseconds {
  case ..<1000: "\(nanoseconds) ns"
  case ..<1_000_000: "\((Double(nanoseconds) / 1e3).fixed(1)) µs"
  case ..<1_000_000_000: "\((Double(nanoseconds) / 1e6).fixed(1)) ms"
  default: "\((Double(nanoseconds) / 1e9).fixed(2)) s"
  }
}

/// A round time, as on an axis or in a limit: without a zero after the point.
func roundDuration(_ nanoseconds: UInt64) -> String {
  duration(nanoseconds).replacing(".00 ", with: " ").replacing(".0 ", with: " ")
}

/// Bytes in MiB.
func mebibytes(_ bytes: Int) -> String { "\((Double(bytes) / 1_048_576).fixed(bytes < 10 << 20 ? 1 : 0)) MiB" }
