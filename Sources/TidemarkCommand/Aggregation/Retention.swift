import Foundation
import Tidemark

/// Keeps a changelog short: deletes the part that a verified checkpoint covers.
///
/// The checkpoints are in `DIR/checkpoints`, named by their offset. Their table files are hard links, so a checkpoint
/// takes only the space of the table files that have been replaced since.
struct Retention {
  /// How many checkpoints stay.
  var keptCheckpoints: Int

  /// The result for a changelog.
  struct Outcome {
    var checkpoint: String
    var start: Offset
    var deletedBytes: Int
  }

  /// Takes a checkpoint, deletes the part of the changelog that it covers, and removes the oldest checkpoints.
  func prune(_ state: AggregationState) throws -> Outcome {
    let directory = Self.directory(state.directory)
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let before = try Self.changelogBytes(state.directory)
    let path = directory + "/\(try state.store.snapshot().offset)"
    if !FileManager.default.fileExists(atPath: path) {
      _ = try state.store.checkpoint(to: path)
      try StateCopy.sync(directory)
    }
    // Verifies the checkpoint, and that it belongs to the changelog.
    let start = try state.store.deleteChangelog(coveredBy: path)
    for old in try Self.checkpoints(state.directory).dropLast(max(1, keptCheckpoints)) {
      try FileManager.default.removeItem(atPath: directory + "/\(old)")
    }
    let after = try Self.changelogBytes(state.directory)
    return Outcome(checkpoint: path, start: start, deletedBytes: max(0, before - after))
  }

  /// The offsets of the checkpoints of a state, ascending.
  static func checkpoints(_ state: String) throws -> [Int64] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory(state))) ?? []
    return names.compactMap { Int64($0) }.sorted()
  }

  /// How many bytes the segments of a state's changelog have.
  static func changelogBytes(_ state: String) throws -> Int {
    try AggregationState.changelog(of: state).segments().reduce(0) { $0 + $1.byteCount }
  }

  private static func directory(_ state: String) -> String { realPath(state) + "/checkpoints" }
}
