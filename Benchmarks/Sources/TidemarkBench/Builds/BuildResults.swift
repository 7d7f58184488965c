import BuildRatios
import Foundation

/// The contents of `builds.json`.
struct BuildResults: Encodable {
  let base: String
  let machine: Machine
  let plan: Plan
  let rows: [BuildRow]

  func write(to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try encoder.encode(self).write(to: URL(fileURLWithPath: path), options: .atomic)
  }

  var table: String {
    var table = TextTable(["row", "old", "new", "new/old", "interval", "pairs", "verdict"], textColumns: 1)
    for row in rows { table.append(row.cells) }
    return table.text
  }

  /// How many rows are kept, slower and undecided.
  var summary: String {
    func count(_ verdict: Verdict) -> Int { rows.count { $0.verdict == verdict } }
    let reach = "±\((Verdict.reach * 100).shortest) %"
    var lines = [
      "\(count(.kept)) of \(rows.count) rows are kept: new/old is at least \(Verdict.bar), its interval within \(reach)"
    ]
    if count(.slower) > 0 { lines.append("\(count(.slower)) are slower: new/old is below \(Verdict.bar)") }
    if count(.undecided) > 0 {
      lines.append("\(count(.undecided)) are undecided: new/old is not below \(Verdict.bar), but its interval is wider")
    }
    return lines.joined(separator: "\n")
  }
}
