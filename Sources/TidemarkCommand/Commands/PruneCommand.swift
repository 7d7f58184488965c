import ArgumentParser
import Foundation
import Tidemark

/// `tidemark prune`.
struct PruneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune",
    abstract: "Deletes from the changelog what a verified checkpoint covers.",
    discussion: """
      Takes a checkpoint of the state in `checkpoints` in the state directory, verifies it, and only then deletes the \
      segments of the changelog that it covers. From then on `verify` and `rebuild` start from the checkpoint, and \
      `fork` reaches back to the oldest one that is kept. Table files of a checkpoint are hard links, so a checkpoint \
      takes the space of what has changed since. `aggregate --keep-checkpoints` does the same while a job runs.

      EXAMPLES
        tidemark prune --state ./state
        tidemark prune --keep-checkpoints 5 --state ./state
      """)

  @Option(name: .customLong("keep-checkpoints"), help: "How many checkpoints stay; older ones are removed.")
  var keepCheckpoints = 2

  @OptionGroup var state: StateOption

  func validate() throws {
    guard keepCheckpoints > 0 else { throw ValidationError("--keep-checkpoints is at least 1") }
  }

  func run() throws {
    try reportingErrors {
      let state = try AggregationState(self.state.state, wait: self.state.waitDuration)
      defer { try? state.store.close() }
      let outcome = try Retention(keptCheckpoints: keepCheckpoints).prune(state)
      try printLine(
        "\(outcome.checkpoint): verified; the changelog starts at offset \(outcome.start),"
          + " \(grouped(outcome.deletedBytes)) bytes are deleted")
    }
  }
}
