import Foundation

/// The ratios of two runs beside each other.
struct Comparison {
  /// A row that both runs have, with its ratio in each.
  struct Pair {
    let row: Row
    let ratios: (first: Double, second: Double)

    /// By how much the greater ratio exceeds the other; 0.1 is ten percent.
    var difference: Double { max(ratios.first, ratios.second) / max(min(ratios.first, ratios.second), 0.001) - 1 }
  }

  /// The rows with a ratio in both runs, those that differ most first.
  let pairs: [Pair]
  /// Rows with a ratio that only one of the runs has.
  let unpaired: Int

  init(_ first: [Row], _ second: [Row]) {
    let ratios = Dictionary(second.compactMap { row in row.ratio.map { (row.identity, $0) } }) { first, _ in first }
    let withRatio = first.filter { $0.ratio != nil }
    pairs = withRatio.compactMap { row in
      guard let mine = row.ratio, let other = ratios[row.identity] else { return nil }
      return Pair(row: row, ratios: (mine, other))
    }.sorted { $0.difference > $1.difference }
    unpaired = withRatio.count + ratios.count - 2 * pairs.count
  }

  /// A table of the rows that differ by more than a limit, and a summary.
  func text(limit: Double) -> String {
    let differing = pairs.filter { $0.difference > limit }
    var table = TextTable(
      ["group", "case", "keys", "a commit", "against", "first", "second", "difference"], textColumns: 3)
    for pair in differing {
      let row = pair.row
      table.append([
        row.group, row.name, row.distribution.rawValue, row.recordsPerCommit?.grouped ?? "", row.against ?? "",
        pair.ratios.first.fixed(2), pair.ratios.second.fixed(2), percent(pair.difference),
      ])
    }
    var parts = differing.isEmpty ? [] : [table.text, ""]
    if unpaired > 0 { parts.append("\(unpaired) rows are in one of the runs only") }
    let within = pairs.count - differing.count
    parts.append(
      "\(within) of \(pairs.count) rows differ by less than \(percent(limit)), "
        + "the largest difference is \(percent(pairs.first?.difference ?? 0))")
    return parts.joined(separator: "\n")
  }

  private func percent(_ share: Double) -> String { "\((share * 100).rounded(to: 1).shortest) %" }
}

extension Row {
  /// The values that identify the same row in two runs.
  fileprivate var identity: [String] {
    [group, name, against ?? "", distribution.rawValue, recordsPerCommit.map(String.init) ?? ""]
  }
}
