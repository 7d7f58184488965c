import ArgumentParser
import Foundation
import Tidemark

/// `tidemark verify`.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Replays the changelog into a scratch store and compares every row.",
    discussion: """
      The state on disk must be exactly the replay of its changelog up to the offset stored beside it. The exit status is \
      0 if it is, 2 if a row differs. The scratch store is made beside the state and removed afterwards.

      EXAMPLES
        tidemark verify --state ./state
      """)

  @OptionGroup var state: StateOption
  @OptionGroup var progress: ProgressOption

  func run() throws {
    try reportingErrors {
      let line = ProgressLine(progress.progress)
      let state = try AggregationState(self.state.state, progress: line.update)
      let scratch = self.state.state + "/verify-\(getpid())"
      let report = try state.store.verify(in: scratch, progress: line.update)
      line.clear()
      try state.store.close()
      if report.agrees {
        print(
          "the state is the replay of its changelog: \(grouped(report.rows)) rows compared,"
            + " \(grouped(report.records)) records replayed, offset \(report.offset)")
        return
      }
      for difference in report.differences { print(difference) }
      throw CommandError(
        .differs,
        "the state is not the replay of its changelog: \(grouped(report.differenceCount)) rows differ"
          + (report.stateAgrees ? "" : ", and so do positions or receipt") + "; `tidemark rebuild` restores it")
    }
  }
}

/// `tidemark rebuild`.
struct RebuildCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rebuild",
    abstract: "Restores a state from its changelog; the damaged one is kept aside.",
    discussion: """
      The changelog is read first: if it is damaged itself, nothing is changed.

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
