import ArgumentParser
import Foundation
import Tidemark

/// `tidemark fork`.
struct ForkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fork",
    abstract: "Makes another state as this one is, or as it was at an earlier time, which can continue from there.",
    discussion: """
      The two states are independent: the new state has a changelog of its own, which begins with the last commit \
      that the fork includes, and `aggregate` reads the same files from the position that the state had then. The \
      original state isn't changed, and may be in use meanwhile. If a crash interrupts the fork, run the same command \
      again.

      The new state is rebuilt from `checkpoint` in the new directory; leave it where it is.

      EXAMPLES
        tidemark fork ./experiment --state ./state
        tidemark fork ./before --time 2026-11-20T14:00:00Z --state ./state
        tidemark fork ./before --offset 120000 --from /backup/state-1 \\
          --state ./state
      """)

  @Argument(help: "The directory to create.", completion: .directory)
  var directory: String

  @Option(help: ArgumentHelp("Include commits that end at or before this offset.", valueName: "offset"))
  var offset: Int64?

  @Option(
    help: ArgumentHelp(
      "Include commits made at this time or before, as 2026-11-20T14:00:00Z.", valueName: "time"))
  var time: String?

  @Option(
    help: ArgumentHelp(
      "An earlier checkpoint to start from, so that less of the changelog is read.", valueName: "checkpoint"),
    completion: .directory)
  var from: String?

  @OptionGroup var state: StateOption
  @OptionGroup var progress: ProgressOption

  func validate() throws {
    try checkPath(directory, "the directory")
    try checkPath(from, "--from")
  }

  func run() throws {
    try reportingErrors {
      let manager = FileManager.default
      let target = StateCopy.withoutSlash(directory)
      if manager.fileExists(atPath: target) {
        guard manager.fileExists(atPath: target + "/checkpoint"), !manager.fileExists(atPath: target + "/store") else {
          throw CommandError(.usage, "\(target): is there already; name another directory")
        }
        return try makeStore(target)
      }
      let point = try self.point()
      let log = try AggregationState.changelog(of: state.state)
      let end = try log.end(at: point)
      guard end > .zero else {
        throw CommandError(.usage, "the state had no commit at that point; name a later --time or --offset")
      }
      let base = try base(log)
      let partial = target + ".partial"
      try manager.createDirectory(
        atPath: partial, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      let lock = try StateCopy.lock(partial + "/LOCK")
      defer { close(lock) }
      // Keeps a partly restored state; only the parts that are quick to make are made again.
      for part in ["changelog", "checkpoint", "input", "past"] { try? manager.removeItem(atPath: partial + "/" + part) }
      let line = ProgressLine(progress.progress)
      let past = try StateStore.restore(
        to: partial + "/past", from: log, upTo: point, startingFrom: base, options: AggregationState.options,
        progress: line.update)
      line.clear()
      if end > past.offset {
        printMessage(
          "commits from offset \(past.offset) to \(end) are left out, as they aren't known to be durable;"
            + " `tidemark info` makes them, when the state isn't in use\n")
      }
      let forked: FileLog
      do throws(StoreError) {
        forked = try log.fork(to: partial + "/changelog", log.identity.topicPartition, at: past.offset)
      } catch {
        if error.kind != .invalidArgument { throw error }
        try? manager.removeItem(atPath: partial)
        throw CommandError(.usage, "the state had no row at that point; name a later --time or --offset")
      }
      _ = try past.fork(to: partial + "/checkpoint", changelog: forked)
      try manager.removeItem(atPath: partial + "/past")
      try StateCopy.inputs(from: state.state + "/input", to: partial + "/input")
      try manager.removeItem(atPath: partial + "/LOCK")
      try StateCopy.sync(partial)
      try StateCopy.rename(partial, to: target)
      try makeStore(target)
    }
  }

  /// Makes the store as the last step, because it records the path of its checkpoint.
  private func makeStore(_ target: String) throws {
    let checkpoint = try Checkpoint.verified(target + "/checkpoint")
    try checkpoint.copy(to: target + "/store")
    try printLine("\(target): the state at offset \(checkpoint.offset)")
  }

  /// The checkpoint to start from: the named one or, if the changelog's start was deleted, the one that covers it.
  private func base(_ log: FileLog) throws -> Checkpoint? {
    if let from {
      let store = from + "/store"
      return try Checkpoint.verified(FileManager.default.fileExists(atPath: store) ? store : from)
    }
    return try log.offsets().start > .zero ? try Checkpoint.base(ofStore: state.state + "/store") : nil
  }

  private func point() throws -> ChangelogPoint {
    switch (offset, time) {
    case (nil, nil): return .offset(Offset(.max))
    case (let offset?, nil): return .offset(Offset(offset))
    case (nil, let text?):
      guard let time = EventTime.parse(text) else {
        throw CommandError(.usage, "--time \(text): not a time; write it as 2026-11-20T14:00:00Z")
      }
      return .time(time)
    default: throw CommandError(.usage, "--offset and --time are two ways to say the same; give one")
    }
  }
}
