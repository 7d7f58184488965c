import ArgumentParser
import Tidemark

/// `tidemark scan`.
struct ScanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scan",
    abstract: "Prints groups in the order of their keys.",
    discussion: """
      Keys are texts and are ordered by their bytes, column by column. --from is included, --to is not.

      EXAMPLES
        tidemark scan --state ./state
        tidemark scan --json --state ./state | jq .count
        tidemark scan --prefix 14 --limit 20 --state ./state
        tidemark scan --prefix Germany --prefix B --state ./state     # city B…
        tidemark scan --from Germany --to Italy --reverse --csv --state ./state
      """)

  @OptionGroup var state: StateOption
  @OptionGroup var range: RangeOptions

  @Flag(help: "Greatest key first.")
  var reverse = false

  @Option(help: ArgumentHelp("At most this many groups.", valueName: "count"))
  var limit: Int?

  @OptionGroup var style: RowStyleOptions

  func validate() throws {
    guard limit ?? 0 >= 0 else { throw ValidationError("--limit is at least 0") }
  }

  func run() throws {
    try reportingErrors {
      let state = try AggregationView(self.state.state, wait: self.state.waitDuration)
      defer { try? state.close() }
      var output = Output()
      try output.append { style.appendHeader(state.plan, to: &$0) }
      var cursor = try state.snapshot.scan(
        AggregationState.groups, range.range(state.plan), reverse ? .descending : .ascending)
      let names = state.plan.resultNames
      var left = limit ?? .max
      while left > 0, let (key, cells) = try cursor.next() {
        left -= 1
        try output.append { style.append(GroupRow(names: names, key: key, cells: cells), to: &$0) }
      }
      try output.flush()
    }
  }
}
