internal import Changelog
internal import TidemarkTesting

/// The contents of a file log, from its start to its end or to an error.
struct LogReading: Equatable {
  /// A commit, and its records if they can be read.
  struct Commit: Equatable {
    var baseOffset: Offset
    var endOffset: Offset
    var epoch: Int32
    var timestamp: Timestamp
    var previousReceipt: Receipt
    var receipt: Receipt
    var sample: Sample?
  }

  var commits: [Commit] = []
  var error: StoreError?

  var end: Offset? { commits.last?.endOffset }

  /// Reads a log from an offset, or from its start.
  init(_ log: FileLog, from start: Offset? = nil) throws {
    do throws(StoreError) {
      let first = try log.directory.segments().first ?? 0
      try log.read(from: start ?? Offset(first), to: nil) { (commit) throws(StoreError) in
        commits.append(
          Commit(
            baseOffset: commit.baseOffset, endOffset: commit.endOffset, epoch: commit.epoch,
            timestamp: commit.timestamp, previousReceipt: commit.previousReceipt, receipt: commit.receipt,
            sample: try? Sample(commit)))
        return .next
      }
    } catch {
      self.error = error
    }
    if let error { try expectClear(error) }
  }
}

/// Throws unless the error says that bytes differ from those written, and in which file.
func expectClear(_ error: StoreError) throws {
  let isOfBytes = [.corrupted, .unsupported, .wrongChangelog].contains(error.kind)
  try expect(isOfBytes, "bytes are the cause of another kind of error: \(error)")
  try expect(error.metadata.contains { $0.name == "file" }, "the error doesn't name a file: \(error)")
}

/// Checks a log that reads without an error: each commit follows the one before, and every way of reading finds it.
func expectConsistent(_ log: FileLog, _ reading: LogReading) throws {
  let commits = reading.commits
  for (former, next) in zip(commits, commits.dropFirst()) {
    try expect(former.endOffset == next.baseOffset, "a commit doesn't start where the one before ends")
    try expect(former.receipt == next.previousReceipt, "a commit follows another than the one before")
    try expect(former.epoch <= next.epoch, "an epoch goes back")
  }
  let offsets = try log.offsets()
  try expect(offsets.start == commits.first?.baseOffset ?? offsets.end, "the log starts elsewhere: \(offsets)")
  try expect(offsets.end == commits.last?.endOffset ?? offsets.start, "the log ends elsewhere: \(offsets)")
  try expect(offsets.durable <= offsets.end, "more is durable than there is: \(offsets)")
  for (index, commit) in commits.enumerated() where index == 1 || index == commits.count - 1 {
    try expect(try log.receipt(endingAt: commit.endOffset) == commit.receipt, "another receipt at \(commit.endOffset)")
    let rest = try LogReading(log, from: commit.baseOffset)
    try expect(
      rest.error == nil && rest.commits == Array(commits[index...]), "another rest from \(commit.baseOffset) on")
    try expect(
      try log.end(at: .offset(commit.endOffset)) == commit.endOffset, "another end at offset \(commit.endOffset)")
  }
}

/// Appends two commits to a log, closes and reopens it: it must show the earlier contents and these two.
func expectAppendable(_ storage: MemoryStorage, _ options: FileLogOptions, _ before: LogReading) throws {
  let log = try FileLog.open("", SampleBatches.partition, options: options, storage: storage)
  let writer = try log.openWriter()
  let start = writer.endOffset
  try expect(before.end.map { $0 == start } ?? true, "the writer starts at \(start), not at \(before.end as Any)")
  try expect(before.commits.last.map { $0.receipt == writer.lastReceipt } ?? true, "the writer has another receipt")
  try expect(before.commits.allSatisfy { $0.epoch < writer.epoch }, "the epoch \(writer.epoch) was there before")
  let samples = [Sample(3), Sample(8)]
  do throws(StoreError) {
    for sample in samples { _ = try writer.append(sample.commit()) }
  } catch {
    // The offsets are so large that none is left for one of these commits.
    guard writer.endOffset.value > RecordBatchHeader.greatestBaseOffset - 16 else { throw error }
    return try expectClear(error)
  }
  let end = writer.endOffset
  try expect(try LogReading(log).commits.suffix(2).map(\.sample) == samples, "what was appended reads otherwise")
  try writer.close()

  let again = try FileLog.open("", SampleBatches.partition, options: options, storage: storage)
  let after = try LogReading(again)
  try expect(after.error == nil, "after an append it doesn't read: \(after.error as Any)")
  try expect(after.commits.dropLast(2) == before.commits[...], "what was there isn't after an append")
  try expect(after.commits.suffix(2).map(\.sample) == samples, "what was appended isn't there")
  try expect(after.end == end, "the log ends at \(after.end as Any), not at \(end)")
  let next = try again.openWriter()
  try expect(next.epoch > writer.epoch && next.endOffset == end, "the next writer starts elsewhere")
  try next.close()
  try expectConsistent(again, after)
}
