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
      var kept: String?
      let store = state.state + "/store"
      // Without its changelog nothing can be restored: opening says so, with the store where it is.
      if try AggregationState.Part.changelog.isIn(state.state) {
        if try AggregationState.Part.store.isIn(state.state) {
          // Throws if the changelog is damaged: a store that can't be restored must not be set aside.
          try AggregationState.readChangelog(of: state.state)
          kept = try StateStore.setAside(store)
        } else if FileManager.default.fileExists(atPath: state.state + "/checkpoint/HEAD") {
          // A fork starts from a checkpoint of its own.
          try Checkpoint.verified(state.state + "/checkpoint").copy(to: store)
        } else {
          try FileManager.default.createDirectory(
            atPath: store, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        }
      }
      let state: AggregationState
      do { state = try AggregationState(self.state.state, wait: self.state.waitDuration, progress: line.update) } catch
      {
        if let kept, (error as? StoreError)?.kind == .wrongChangelog { putBack(kept) }
        throw error
      }
      line.clear()
      let offset = try state.store.snapshot().offset
      try state.store.close()
      if let kept { try printLine("the former database is kept in \(kept)") }
      try printLine("restored to offset \(offset)")
    }
  }

  /// Puts the database back, because nothing could be restored: the changelog may be another store's.
  private func putBack(_ kept: String) {
    let database = state.state + "/store/db"
    try? FileManager.default.removeItem(atPath: database)
    try? FileManager.default.moveItem(atPath: kept, toPath: database)
  }
}
