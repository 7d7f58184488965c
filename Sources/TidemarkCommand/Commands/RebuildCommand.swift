import ArgumentParser
import Foundation
import Tidemark

/// `tidemark rebuild`.
struct RebuildCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rebuild",
    abstract: "Restores a state from its changelog, and keeps the damaged one aside.",
    discussion: """
      The changelog is checked first: if it is damaged, nothing is changed.

      EXAMPLES
        tidemark rebuild --state ./state
      """)

  @OptionGroup var state: StateOption
  @OptionGroup var progress: ProgressOption

  func run() throws {
    try reportingErrors {
      let line = ProgressLine(progress.progress)
      let store = state.state + "/store"
      // Without its changelog nothing can be restored: opening says so, with the store where it is.
      if try AggregationState.Part.changelog.isIn(state.state) {
        if try AggregationState.Part.store.isIn(state.state) {
          try readChangelog()
          print("the former database is kept in \(try StateStore.setAside(store))")
        } else {
          try FileManager.default.createDirectory(
            atPath: store, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        }
      }
      let state = try AggregationState(self.state.state, progress: line.update)
      line.clear()
      let offset = try state.store.snapshot().offset
      try state.store.close()
      print("restored to offset \(offset)")
    }
  }

  /// Reads the whole changelog, so that a store isn't set aside that couldn't be restored.
  private func readChangelog() throws {
    let log = try AggregationState.changelog(of: state.state)
    _ = try log.read(from: try log.offsets().start, to: nil) { _ in .next }
  }
}
