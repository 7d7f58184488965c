import ArgumentParser
import Tidemark

/// `tidemark top`.
struct TopCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "top",
    abstract: "Prints the groups with the greatest values of an aggregate.",
    discussion: """
      Numbers are ordered by value, before all texts. Groups without a value come last; groups with equal values are \
      in the order of their keys. The command reads all groups, and keeps in memory only as many as it prints.

      EXAMPLES
        tidemark top 10 --by "sum(Quantity)" --state ./state
        tidemark top 3 --by count --prefix 2011-12-09 --json --state ./state
        tidemark top 5 --by "min(price)" --reverse --state ./state    # least first
      """)

  @Argument(help: "How many groups (default: 10).")
  var count: Int?

  @Option(help: ArgumentHelp("The same as the first argument.", valueName: "count"))
  var limit: Int?

  @Option(
    help: ArgumentHelp(
      "The aggregate, as named by `scan`; the column is enough if only one aggregate has it.", valueName: "aggregate"))
  var by: String

  @OptionGroup var state: StateOption
  @OptionGroup var range: RangeOptions

  @Flag(help: "Least value first.")
  var reverse = false

  @OptionGroup var style: RowStyleOptions

  func validate() throws {
    guard limit ?? count ?? 1 > 0 else { throw ValidationError("the number of groups is at least 1") }
    guard limit == nil || count == nil else { throw ValidationError("--limit and the number of groups are the same") }
  }

  func run() throws {
    try reportingErrors {
      let state = try AggregationView(self.state.state, wait: self.state.waitDuration)
      defer { try? state.close() }
      var ranking = Ranking(count: limit ?? count ?? 10, column: try column(state.plan), leastFirst: reverse)
      var cursor = try state.snapshot.scan(AggregationState.groups, range.range(state.plan))
      while let (key, cells) = try cursor.next() { ranking.add(key, cells) }
      var output = Output()
      try output.append { style.appendHeader(state.plan, to: &$0) }
      let names = state.plan.resultNames
      for (key, cells) in ranking.rows {
        try output.append { style.append(GroupRow(names: names, key: key, cells: cells), to: &$0) }
      }
      try output.flush()
    }
  }

  /// The index of the plan's aggregate that `by` names.
  private func column(_ plan: AggregationPlan) throws -> Int {
    if let index = plan.aggregates.firstIndex(where: { $0.name == by }) { return index }
    let names = plan.resultNames.suffix(plan.aggregates.count)
    if let index = names.firstIndex(of: by) { return index - names.startIndex }
    let ofColumn = plan.aggregates.indices.filter { plan.aggregates[$0].column == by }
    if ofColumn.count == 1 { return ofColumn[0] }
    let all = names.map { "\"\($0)\"" }.joined(separator: ", ")
    throw CommandError(.usage, "no single aggregate matches \"\(by)\"; there are \(all)")
  }
}

/// The best `count` of many rows, by one of their cells.
struct Ranking {
  private typealias Entry = (rank: AggregateCell, number: Int, key: [String], cells: [AggregateCell])

  private let count: Int
  private let column: Int
  private let leastFirst: Bool
  private var entries: [Entry] = []
  private var seen = 0

  init(count: Int, column: Int, leastFirst: Bool) {
    (self.count, self.column, self.leastFirst) = (count, column, leastFirst)
  }

  /// Takes a row; amortized O(log count).
  mutating func add(_ key: [String], _ cells: [AggregateCell]) {
    seen += 1
    let entry: Entry = (cells[column].comparable, seen, key, cells)
    // The first `count` entries are sorted: a new row must precede the last of them.
    if entries.count >= count, !precedes(entry, entries[count - 1]) { return }
    entries.append(entry)
    if entries.count - count >= max(count, 1024) { cut() }
    if entries.count == count { cut() }
  }

  /// The rows, best first.
  var rows: [(key: [String], cells: [AggregateCell])] {
    entries.sorted(by: precedes).prefix(count).map { ($0.key, $0.cells) }
  }

  private mutating func cut() { entries = Array(entries.sorted(by: precedes).prefix(count)) }

  private func precedes(_ a: Entry, _ b: Entry) -> Bool {
    if a.rank == b.rank { return a.number < b.number }
    if a.rank == .none || b.rank == .none { return b.rank == .none }
    return leastFirst ? a.rank.precedes(b.rank) : b.rank.precedes(a.rank)
  }
}
