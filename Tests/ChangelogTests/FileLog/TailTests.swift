import Changelog
import Foundation
import Testing
import TidemarkTesting

/// A log whose commits are all deleted because a store has them elsewhere.
@Suite struct TailTests {
  private let quick = Disk(syncs: false).storage

  // R13. Seen to fail with: leaving a segment only when it is full; deleting one although it holds the last commit.
  @Test(arguments: [1, 7, 40]) func aTailKeepsTwoSegments(commits: Int) throws {
    let scratch = Scratch()
    var log = try scratch.open(.init(segmentBytes: 8000), quick)
    var writer = try log.openWriter()
    var number = 0
    var last: AppendedCommit?
    for round in 0..<60 {
      let appended = try append(number..<number + commits, to: writer)
      number += commits
      try writer.sync()
      last = appended.last
      let end = writer.endOffset
      let start = try log.deleteCommits(below: end, keepsLastCommit: false)
      #expect(start < end, "a commit stays")
      #expect(try log.receipt(endingAt: end) == last?.receipt)
      if commits < 40 { #expect(try log.directory.segments().count <= 2) }
      // A store that has stored the rest needs no more than this.
      let reader = try scratch.open(.init(), quick)
      #expect(try readAll(reader, from: start).last?.receipt == last?.receipt)
      if round % 10 == 9 {
        try writer.close()
        log = try scratch.open(.init(segmentBytes: 8000), quick)
        writer = try log.openWriter()
        #expect(writer.endOffset == end && writer.lastReceipt == last?.receipt)
      }
    }
    #expect(try log.offsets().start > 0)
  }

  /// Seen to fail with: deleting a segment while a power loss can still take the commit that records its end (R8).
  @Test func whatTellsTheReceiptAtTheOffsetIsDurable() throws {
    let scratch = Scratch()
    let log = try scratch.open(.init(segmentBytes: 2000), quick)
    let writer = try log.openWriter()
    var wasDeleted = false
    for number in 0..<200 {
      try writer.sync()
      let offset = writer.endOffset
      try append(number..<number + 1, to: writer)
      let start = try log.deleteCommits(below: offset, keepsLastCommit: false)
      #expect(offset == 0 || start < offset, "the commit that follows isn't synced")
      wasDeleted = wasDeleted || start > 0
    }
    #expect(wasDeleted)
    try writer.close()
  }

  @Test func deletingNothingSyncsNothing() throws {
    let scratch = Scratch()
    let disk = Disk(syncs: false)
    let log = try scratch.open(.init(), disk.storage)
    let writer = try log.openWriter()
    try append(0..<10, to: writer)
    try writer.sync()
    let before = disk.operationCount
    try log.deleteCommits(below: writer.endOffset, keepsLastCommit: false)
    #expect(disk.operationCount == before + 1)
  }

  // R8. Seen to fail with: a receipt looked up from the commit that ends there.
  @Test func theStartOfALogTellsTheReceiptBefore() throws {
    let scratch = Scratch()
    let log = try scratch.open(.init(segmentBytes: 2000), quick)
    let writer = try log.openWriter()
    let appended = try append(0..<60, to: writer)
    let segment = try log.directory.segments()[3]
    let before = try #require(appended.first { $0.endOffset.value == segment })
    #expect(try log.deleteCommits(below: before.endOffset, keepsLastCommit: false) == before.endOffset)
    #expect(try log.receipt(endingAt: before.endOffset) == before.receipt)
    #expect(try scratch.open(.init(), quick).receipt(endingAt: before.endOffset) == before.receipt)
    #expect(try log.receipt(endingAt: before.baseOffset) == nil)
    try writer.close()
    #expect(try scratch.open(.init(), quick).openWriter().lastReceipt == writer.lastReceipt)
  }

  /// Whichever call fails while a log is begun, the log is either whole or absent, and can then be begun.
  ///
  /// Seen to fail with: a log that is built under its final name.
  @Test func aLogBeginsAtAnOffset() throws {
    let scratch = Scratch()
    let disk = Disk(syncs: false)
    let position: Position = [TopicPartition("orders", 3): 42]
    func begin(_ parent: String) throws -> FileLog {
      try FileLog.begin(
        parent, Scratch.partition, id: nil, at: 1000, after: Receipt(77), Commit(position: position, streamTime: 5),
        storage: disk.storage)
      return try FileLog.open(parent, Scratch.partition)
    }
    var failures = 0
    for operation in [Disk.Operation.open, .write, .sync, .rename, .link, .syncDirectory, .createDirectory] {
      for nth in 1...12 {
        let parent = scratch.path + "/\(operation)\(nth)"
        disk.plan(.init(operation, nth: nth))
        do {
          _ = try begin(parent)
          disk.heal()
        } catch {
          disk.heal()
          failures += 1
          if try POSIXStorage().kind(of: parent + "/\(Scratch.partition)") == nil { _ = try begin(parent) }
        }
        let log = try FileLog.open(parent, Scratch.partition, options: .init(createIfMissing: false))
        #expect(try log.offsets() == ChangelogOffsets(start: 1000, durable: 1001, end: 1001))
        #expect(try log.receipt(endingAt: 1000) == Receipt(77))
        var first: (records: Int, position: Position, time: Timestamp?)?
        try log.read(from: 1000, to: nil) { (commit) throws(StoreError) in
          first = (commit.records.count, commit.position, commit.streamTime)
          return .next
        }
        #expect(first?.records == 0 && first?.position == position && first?.time == 5)
      }
    }
    #expect(failures > 12)
    let log = try begin(scratch.path)
    let writer = try log.openWriter()
    try append(0..<3, to: writer)
    try writer.close()
    #expect(try readAll(scratch.open(), from: 1001).map(\.sample) == (0..<3).map(Sample.init))
    _ = failure(.invalidArgument) { _ = try begin(scratch.path) }
  }
}
