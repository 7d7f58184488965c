import Changelog
import Foundation
import Testing
import TidemarkTesting

/// Copies and listings of logs.
@Suite struct CopyTests {
  private struct Stop: Error {}

  /// A log of three writers and several segments.
  private func log(_ scratch: Scratch) throws -> FileLog {
    let log = try scratch.open(FileLogOptions(segmentBytes: 3000, indexIntervalBytes: 0))
    for writer in 0..<3 {
      let writing = try log.openWriter()
      try append(writer * 20..<writer * 20 + 20, to: writing)
      try writing.close()
    }
    return log
  }

  /// Seen to fail with: another identity.
  @Test func aCopyIsTheSameLog() throws {
    let (scratch, target) = (Scratch(), Scratch())
    let log = try log(scratch)
    var last: CopyProgress?
    let copy = try log.copy(to: target.path) { last = $0 }
    #expect(copy.identity == log.identity)
    #expect(try copy.offsets() == log.offsets())
    let commits = try log.commits()
    #expect(try copy.commits() == commits)
    #expect(try readAll(copy) == readAll(log))
    for commit in commits { #expect(try copy.receipt(endingAt: commit.endOffset) == commit.receipt) }
    #expect(last?.commits == 60)
    #expect(last?.bytes == commits.reduce(0) { $0 + $1.byteCount })
    #expect(last?.totalBytes == last?.bytes)
    #expect(
      try copy.segments().filter { $0.byteCount > 0 }.map(\.name)
        == log.segments().filter { $0.byteCount > 0 }.map(\.name))
    #expect(!FileManager.default.fileExists(atPath: target.directory + ".partial"))
    let writer = try copy.openWriter()
    #expect(writer.epoch == 3)
    #expect(writer.recovery.cut == nil)
    #expect(writer.lastReceipt == commits.last?.receipt)
    try append(60..<61, to: writer)
    try writer.close()
    _ = failure(.invalidArgument) { _ = try log.copy(to: target.path) }
  }

  /// Seen to fail with: no start of the log recorded.
  @Test func aRangeIsCopied() throws {
    let (scratch, target) = (Scratch(), Scratch())
    let log = try log(scratch)
    let commits = try log.commits()
    let (start, end) = (commits[25].baseOffset, commits[44].endOffset)
    let copy = try log.copy(to: target.path, from: start, upTo: end)
    #expect(try copy.commits(from: start) == Array(commits[25...44]))
    #expect(try copy.offsets() == ChangelogOffsets(start: start, durable: end, end: end))
    _ = failure(.invalidArgument) { _ = try readAll(copy) }
    let writer = try target.open().openWriter()
    #expect(writer.endOffset == end)
    #expect(writer.epoch == 3)
    try writer.close()
    // An empty range is a range, too.
    let empty = Scratch()
    let none = try log.copy(to: empty.path, from: 0, upTo: 0)
    #expect(try none.commits().isEmpty)
  }

  /// Seen to fail with: a copy that keeps the files of an earlier attempt.
  @Test func aDamagedLogIsNotCopied() throws {
    let (scratch, target) = (Scratch(), Scratch())
    let log = try log(scratch)
    let file = scratch.segment(0)
    let bytes = try scratch.bytes(file)
    var damaged = bytes
    damaged[bytes.count / 2] ^= 1
    try scratch.write(damaged, to: file)
    _ = failure(.corrupted) { _ = try log.copy(to: target.path) }
    #expect(!FileManager.default.fileExists(atPath: target.directory))
    try scratch.write(bytes, to: file)
    let cancelled = failure(.cancelled) { _ = try log.copy(to: target.path) { if $0.commits == 30 { throw Stop() } } }
    #expect(cancelled?.cause == "Stop()")
    #expect(try log.copy(to: target.path).commits() == log.commits())
  }

  @Test func onlyDurableWholeCommitsAreCopied() throws {
    let (scratch, refused, none, whole) = (Scratch(), Scratch(), Scratch(), Scratch())
    let log = try scratch.open()
    let writer = try log.openWriter()
    let appended = try append(2..<6, to: writer)
    _ = failure(.invalidArgument) { _ = try log.copy(to: refused.path, upTo: writer.endOffset) }
    #expect(try log.copy(to: none.path).commits().isEmpty)
    try writer.sync()
    #expect(try log.copy(to: whole.path).commits().count == 4)
    let inside = appended[1].baseOffset.advanced(by: 1)
    _ = failure(.invalidArgument) { _ = try log.copy(to: refused.path, from: inside) }
    _ = failure(.invalidArgument) { _ = try log.copy(to: refused.path, upTo: inside) }
    _ = failure(.invalidArgument) { _ = try log.copy(to: refused.path, from: appended[2].baseOffset, upTo: 0) }
  }

  @Test func commitsAreCopiedIntoAnotherKindOfChangelog() throws {
    let source = InMemoryChangelog(durability: .sync, offsetGap: 2, batchRecords: 2)
    try append(0..<30, to: source.openWriter())
    let scratch = Scratch()
    let copy = try scratch.open()
    let writer = try copy.openWriter()
    let commits = try source.commits()
    var steps = 0
    let reached = try source.copy(into: writer, to: commits[9].endOffset) { _ in steps += 1 }
    #expect(reached == commits[9].endOffset)
    #expect(steps == 10)
    #expect(try source.copy(into: writer, from: reached) == commits[29].endOffset)
    #expect(try readAll(copy).map(\.sample) == (0..<30).map(Sample.init))
    #expect(try copy.offsets().durable == writer.endOffset)
    let wrong = SabotagedChangelog(source, .wrongReceipt)
    _ = failure(.corrupted) { _ = try wrong.copy(into: writer) }
    #expect(try readAll(copy).count == 30)
  }

  @Test func listingsAreCutAndGoOn() throws {
    let scratch = Scratch()
    let log = try log(scratch)
    let all = try log.commits()
    var listed: [CommitSummary] = []
    while listed.count < 60 { listed += try log.commits(from: listed.last?.endOffset ?? 0, limit: 7) }
    #expect(listed == all)
    #expect(try log.commits(limit: 0).isEmpty)
    let segments = try log.segments()
    #expect(segments.count > 4)
    #expect(segments.map(\.startOffset.value) == (try log.directory.segments()))
    #expect(zip(segments, segments.dropFirst()).allSatisfy { $0.endOffset == $1.startOffset })
    #expect(segments.last?.endOffset == (try log.offsets().end))
    #expect(try segments.allSatisfy { try scratch.bytes($0.path).count == $0.byteCount })
  }
}
