import ArgumentParser
import Foundation
import Tidemark

/// `tidemark get`.
struct GetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "get",
    abstract: "Prints the aggregates of one group as JSON.",
    discussion: """
      EXAMPLES
        tidemark get 14646.0 --state ./state
        tidemark get Germany Berlin --state ./state      # grouped by two columns
      """)

  @Argument(help: "The values of the group's columns, in the order of --group-by.")
  var key: [String]

  @OptionGroup var state: StateOption

  func run() throws {
    try reportingErrors {
      let state = try AggregationState(self.state.state)
      guard key.count == state.plan.groupBy.count else {
        throw CommandError(
          .usage,
          "a group is named by \(state.plan.groupBy.count) values: \(state.plan.groupBy.joined(separator: ", "))")
      }
      let cells = try state.store.snapshot().get(key, in: AggregationState.groups)
      try state.store.close()
      guard let cells else {
        throw CommandError(.notFound, "there is no such group: \(key.joined(separator: ", "))")
      }
      var output = Output()
      let row = GroupRow(plan: state.plan, key: key, cells: cells)
      try output.append { row.appendJSON(to: &$0) }
      try output.flush()
    }
  }
}

/// `tidemark scan`.
struct ScanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scan",
    abstract: "Prints all groups in the order of their keys.",
    discussion: """
      EXAMPLES
        tidemark scan --state ./state
        tidemark scan --json --state ./state | jq .count
      """)

  @OptionGroup var state: StateOption

  @Flag(help: "One JSON object a line; otherwise values with tabs between them, below their names.")
  var json = false

  func run() throws {
    try reportingErrors {
      let state = try AggregationState(self.state.state)
      var output = Output()
      if !json {
        let names = state.plan.groupBy + state.plan.aggregates.map(\.name)
        try output.append { $0 += (names.joined(separator: "\t") + "\n").utf8 }
      }
      var cursor = try state.store.snapshot().scan(AggregationState.groups)
      while let (key, cells) = try cursor.next() {
        let row = GroupRow(plan: state.plan, key: key, cells: cells)
        try output.append { json ? row.appendJSON(to: &$0) : row.appendText(to: &$0) }
      }
      try output.flush()
      try state.store.close()
    }
  }
}
