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
        tidemark get Germany Berlin --state ./state        # grouped by two columns
        tidemark get 2011-12-09 Germany --state ./state    # window's start first
        tidemark get --state ./state -- -1                 # a value with a hyphen in front
      """)

  @Argument(
    help: "The window's start, if there are windows, and the values of the group's columns in the order of --group-by.")
  var key: [String]

  @OptionGroup var state: StateOption

  func run() throws {
    try reportingErrors {
      let state = try AggregationView(self.state.state, wait: self.state.waitDuration)
      let names = state.plan.keyNames
      guard key.count == names.count else {
        throw CommandError(
          .usage,
          "a group's key has \(counted(names.count, "value")), not \(key.count): \(names.joined(separator: ", "))")
      }
      var key = key
      if let window = state.plan.window, let time = EventTime.parse(key[0]) { key[0] = window.text(time) }
      let cells = try state.snapshot.get(key, in: AggregationState.groups)
      try state.close()
      guard let cells else {
        throw CommandError(.notFound, "there is no such group: \(key.joined(separator: ", "))")
      }
      var output = Output()
      let row = GroupRow(names: state.plan.resultNames, key: key, cells: cells)
      try output.append { row.appendJSON(to: &$0) }
      try output.flush()
    }
  }
}
