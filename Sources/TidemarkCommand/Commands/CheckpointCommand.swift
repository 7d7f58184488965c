import ArgumentParser
import Foundation
import Tidemark

/// `tidemark checkpoint`.
struct CheckpointCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "checkpoint",
    abstract: "Copies a state with its offsets and its changelog to a directory, and verifies the copy.",
    discussion: """
      The directory must not exist; it gets its name once it is complete and synced. On the same file system, table \
      files and complete segments are hard links, so a checkpoint is quick and small. For a backup, take it on \
      another disk. There, table files that a checkpoint in the same parent directory already has are linked from it, \
      and the others are copied. The checkpoint's `store` is a checkpoint of the library; its `changelog` is for \
      `restore`, in case the state's own changelog is lost.

      EXAMPLES
        tidemark checkpoint /backup/state-1 --state ./state
        tidemark checkpoint ./before --no-changelog --state ./state
        tidemark restore --from /backup/state-1 --state ./state
      """)

  @Argument(help: "The directory to create.", completion: .directory)
  var directory: String

  @Flag(inversion: .prefixedNo, help: "Whether to copy the changelog, too.")
  var changelog = true

  @OptionGroup var state: StateOption

  func validate() throws { try checkPath(directory, "the directory") }

  /// The checkpoints beside the new one.
  private var earlierCheckpoints: [String] {
    let parent = StateCopy.parent(of: directory)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
    return names.sorted().reversed().map { "\(parent)/\($0)/store" }
  }

  func run() throws {
    try reportingErrors {
      let directory = StateCopy.withoutSlash(directory)
      guard !FileManager.default.fileExists(atPath: directory) else {
        throw CommandError(.usage, "\(directory): is there already; name another directory")
      }
      let state = try AggregationState(self.state.state, wait: self.state.waitDuration)
      defer { try? state.store.close() }
      let partial = directory + ".partial"
      try? FileManager.default.removeItem(atPath: partial)
      do {
        try FileManager.default.createDirectory(
          atPath: partial, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let checkpoint = try state.store.checkpoint(to: partial + "/store", sharingFilesOf: earlierCheckpoints)
        if changelog {
          // A copy of a damaged changelog would be no backup.
          try AggregationState.readChangelog(of: state.directory)
          try StateCopy.changelog(
            from: state.directory + "/changelog", to: partial + "/changelog", sharing: true)
        }
        try StateCopy.inputs(from: state.directory + "/input", to: partial + "/input")
        try StateCopy.sync(partial)
        try StateCopy.rename(partial, to: directory)
        try printLine("\(directory): verified, offset \(checkpoint.offset), receipt \(checkpoint.receipt)")
      } catch {
        try? FileManager.default.removeItem(atPath: partial)
        throw error
      }
    }
  }
}

/// `tidemark restore`.
struct RestoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Makes a state from a checkpoint and the changelog after it.",
    discussion: """
      The checkpoint is verified first. If the state directory still has its changelog, only the store comes from the \
      checkpoint and the rest is replayed: no acknowledged commit is missing. If it has no changelog, the \
      checkpoint's changelog is copied, and the state is as it was when the checkpoint was taken; `aggregate` \
      continues from there with the same files. Never continue with two states of one changelog: each would refuse \
      the other's log.

      EXAMPLES
        tidemark restore --from /backup/state-1 --state ./state
        mv ./state/store ./damaged     # then the same: the changelog is kept
      """)

  @Option(help: ArgumentHelp("The checkpoint.", valueName: "checkpoint"), completion: .directory)
  var from: String

  @OptionGroup var state: StateOption
  @OptionGroup var progress: ProgressOption

  func validate() throws { try checkPath(from, "--from") }

  func run() throws {
    try reportingErrors {
      let manager = FileManager.default
      let (target, store) = (self.state.state, self.state.state + "/store")
      guard !manager.fileExists(atPath: store) else {
        throw CommandError(
          .usage, "\(store): is there already; move it away first, or rebuild it with `tidemark rebuild`")
      }
      // The library takes only the store directory.
      let source = manager.fileExists(atPath: from + "/store") ? from + "/store" : from
      guard manager.fileExists(atPath: source + "/HEAD") else {
        throw CommandError(.missingInput, "\(from): is no checkpoint; `tidemark checkpoint` makes one")
      }
      let checkpoint = try Checkpoint.verified(source)
      let changelog = target + "/changelog"
      if !manager.fileExists(atPath: changelog) {
        guard manager.fileExists(atPath: from + "/changelog") else {
          throw CommandError(
            .missingInput, "\(changelog): there is no changelog, and \(from) has none either; put back a copy of it")
        }
        try? manager.removeItem(atPath: changelog + ".partial")
        try StateCopy.changelog(from: from + "/changelog", to: changelog + ".partial", sharing: false)
        try StateCopy.rename(changelog + ".partial", to: changelog)
      }
      try StateCopy.inputs(from: from + "/input", to: target + "/input")
      try checkpoint.copy(to: store)
      let line = ProgressLine(progress.progress)
      let state: AggregationState
      do { state = try AggregationState(target, progress: line.update) } catch {
        // There was no store here before.
        try? manager.removeItem(atPath: store)
        throw error
      }
      line.clear()
      let offset = try state.store.snapshot().offset
      let start = try state.store.info().changelogOffsets?.start
      try state.store.close()
      // With a whole changelog, a rebuild needs no checkpoint: this one may be deleted.
      if start == .zero { try? manager.removeItem(atPath: store + "/BASE") }
      try printLine("\(target): restored from the checkpoint at offset \(checkpoint.offset) to offset \(offset)")
    }
  }
}
