// Kafka's checkpoint files: text, first line the version 0, second the number of lines that follow, then one entry a
// line, its fields parted by blanks: `epoch offset`, or `topic partition offset`.

/// The start of one writer.
package struct EpochStart: Sendable, Hashable {
  package var epoch: Int32
  package var startOffset: Int64
}

extension LogDirectory {
  private var epochsPath: String { path + "/leader-epoch-checkpoint" }
  private var recoveryPointPath: String { path + "/recovery-point-offset-checkpoint" }
  var logStartPath: String { path + "/log-start-offset-checkpoint" }

  /// How many writers are recorded, at most.
  ///
  /// Recovery and readers ask only for the last one; those before tell people who wrote which commits.
  static var keptEpochs: Int { 20 }

  /// The latest writers; empty if the file is missing.
  package func epochs() throws(StoreError) -> [EpochStart] {
    let path = epochsPath
    var epochs: [EpochStart] = []
    for fields in try lines(of: path, lastOnly: true) ?? [] {
      guard fields.count == 2, let epoch = Int32(fields[0]), let start = Int64(fields[1]), epoch >= 0, start >= 0,
        epochs.last.map({ $0.epoch < epoch && $0.startOffset <= start }) ?? true
      else { throw malformed(path) }
      epochs.append(EpochStart(epoch: epoch, startOffset: start))
    }
    return epochs
  }

  /// The epoch of the next writer, where the last batch, which is in `file`, has the epoch `last`.
  func epoch(after last: Int32, _ file: String, _ epochs: [EpochStart]) throws(StoreError) -> Int32 {
    let recorded = epochs.last?.epoch ?? -1
    guard max(last, recorded) < Int32.max else {
      throw StoreError(
        .corrupted, "the epochs are used up, which takes longer than any log lasts; restore the file from a copy",
        ["file": recorded == Int32.max ? epochsPath : file, "epoch": Int32.max])
    }
    return max(last, recorded) + 1
  }

  /// Records a writer; those that appended nothing are replaced, as in Kafka, and the oldest of too many are left out.
  func record(_ epoch: EpochStart, after epochs: [EpochStart]) throws(StoreError) {
    let all = epochs.filter { $0.startOffset < epoch.startOffset }.suffix(Self.keptEpochs - 1) + [epoch]
    let text = "0\n\(all.count)\n" + all.map { "\($0.epoch) \($0.startOffset)\n" }.joined()
    try storage.replace(epochsPath, with: Array(text.utf8))
  }

  /// Below it, everything is durable; `nil` if the file is missing.
  package func recoveryPoint() throws(StoreError) -> Int64? { try offset(in: recoveryPointPath) }
  package func recordRecoveryPoint(_ offset: Int64) throws(StoreError) { try record(offset, in: recoveryPointPath) }

  /// Below it, segments were deleted on purpose; `nil` if that never happened.
  func logStart() throws(StoreError) -> Int64? { try offset(in: logStartPath) }
  func recordLogStart(_ offset: Int64) throws(StoreError) { try record(offset, in: logStartPath) }

  /// The file that says that everything below an offset is durable; `nil` if it is a segment.
  func checkpoint(ofDurable offset: Int64) -> String? {
    if (try? recoveryPoint()) == offset { return recoveryPointPath }
    return (try? epochs().last)?.startOffset == offset ? epochsPath : nil
  }

  private func offset(in path: String) throws(StoreError) -> Int64? {
    guard let lines = try lines(of: path) else { return nil }
    guard lines.count == 1, lines[0].count == 3, lines[0][0] == topicPartition.topic,
      Int32(lines[0][1]) == topicPartition.partition, let offset = Int64(lines[0][2]), offset >= 0
    else { throw malformed(path) }
    return offset
  }

  private func record(_ offset: Int64, in path: String) throws(StoreError) {
    let text = "0\n1\n\(topicPartition.topic) \(topicPartition.partition) \(offset)\n"
    try storage.replace(path, with: Array(text.utf8))
  }

  /// The entries of a file; `nil` if it is missing.
  ///
  /// With `lastOnly`, only the last entries of a file that is too large to be read as a whole.
  private func lines(of path: String, lastOnly: Bool = false) throws(StoreError) -> [[Substring]]? {
    guard let file = try storage.open(path, .read) else { return nil }
    let greatestBytes = 1 << 20
    let size = try file.size()
    if size > greatestBytes, !lastOnly { throw malformed(path) }
    let start = max(0, size - greatestBytes)
    let bytes = try file.bytes(start..<size)
    let text = String(utf8: bytes.rawSpan) ?? ""
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count >= 3, lines.last == "" else { throw malformed(path) }
    if start > 0 {
      // The first line of these may be a part of one.
      let head = try file.bytes(0..<2)
      guard head == Array("0\n".utf8) else { throw malformed(path) }
      return lines[1..<lines.count - 1].map { $0.split(separator: " ") }
    }
    guard let count = Int(lines[1]) else { throw malformed(path) }
    guard lines[0] == "0" else {
      throw StoreError(.unsupported, "a checkpoint file has another version", ["file": path, "version": lines[0]])
    }
    guard count == lines.count - 3 else { throw malformed(path) }
    return lines[2..<lines.count - 1].map { $0.split(separator: " ") }
  }

  private func malformed(_ path: String) -> StoreError {
    StoreError(
      .corrupted,
      "a checkpoint file can't be read; restore it from a copy, or remove it to have its content derived from the log",
      ["file": path])
  }
}
