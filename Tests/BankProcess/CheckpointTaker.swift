import Foundation
import Tidemark

/// Takes checkpoints while the teller commits, deletes the changelog below them, and removes unneeded ones.
struct CheckpointTaker {
  private static let keptCount = 3

  let store: StateStore
  let directory: String
  let progress: Progress
  let hasChangelog: Bool
  var draw: Draw

  mutating func run() throws {
    try removeLeftovers()
    var formerOffset = Offset.zero
    while true {
      progress.checkpointIsDue.wait()
      while progress.checkpointIsDue.wait(timeout: .now()) == .success {}
      // A killed attempt leaves only a temporary name, which is used again.
      let earlier = Bank.checkpointNumbers(directory)
      let number = (earlier.last ?? 0) + 1
      say("taking \(number)")
      let checkpoint = try store.checkpoint(
        to: Bank.checkpoint(number, directory), sharingFilesOf: earlier.map { Bank.checkpoint($0, directory) })
      say("taken \(number)")
      guard checkpoint.offset >= formerOffset else {
        throw Violation(description: "a checkpoint at \(checkpoint.offset) after one at \(formerOffset)")
      }
      formerOffset = checkpoint.offset
      if hasChangelog, draw.below(2) == 0 { try deleteChangelog(below: checkpoint) }
      try removeOldCheckpoints()
    }
  }

  private func deleteChangelog(below checkpoint: Checkpoint) throws {
    say("deleting \(checkpoint.offset)")
    let start = try store.deleteChangelog(coveredBy: checkpoint.directory)
    guard start <= checkpoint.offset else {
      throw Violation(description: "the changelog starts at \(start), behind the checkpoint at \(checkpoint.offset)")
    }
    say("deleted \(start)")
  }

  /// Removes all but the latest checkpoints and the one that the changelog was deleted below.
  private func removeOldCheckpoints() throws {
    let base = try? String(contentsOfFile: directory + "/store/BASE", encoding: .utf8)
    let needed = base.flatMap { Int(($0.trimmingCharacters(in: .newlines) as NSString).lastPathComponent) }
    for number in Bank.checkpointNumbers(directory).dropLast(Self.keptCount) where number != needed {
      say("removing \(number)")
      // A checkpoint under its final name is whole, so it loses that name first.
      let path = Bank.checkpoint(number, directory)
      try FileManager.default.moveItem(atPath: path, toPath: path + ".gone")
      try FileManager.default.removeItem(atPath: path + ".gone")
    }
  }

  private func removeLeftovers() throws {
    let path = Bank.checkpoints(directory)
    for name in try FileManager.default.contentsOfDirectory(atPath: path) where name.hasSuffix(".gone") {
      try FileManager.default.removeItem(atPath: path + "/" + name)
    }
  }
}
