import Changelog
import Foundation
import TestSupport
import Testing
import TidemarkTesting

/// Opening a writer must not take longer the more often the log was opened before.
@Suite struct OpeningTests {
  // Seen to fail with: a segment for each writer.
  @Test(arguments: [true, false]) func theThousandthOpenTakesAsManyCallsAsTheThird(closes: Bool) throws {
    let scratch = Scratch()
    let disk = Disk(syncs: false)
    var calls: [Int] = []
    for round in 0..<1000 {
      let log = try scratch.open(.init(), disk.storage)
      let before = disk.operationCount
      let writer = try log.openWriter()
      calls.append(disk.operationCount - before)
      try append(round..<round + 1, to: writer)
      if closes { try writer.close() }
    }
    // Two more segments are probed than at the third open, and no more than in the middle of the run.
    #expect(calls[999] <= calls[2] + 2 * 25, "\(calls[2]) calls, later \(calls[999])")
    #expect(try #require(calls[900...].max()) <= #require(calls[400..<500].max()) + 10)
    let log = try scratch.open(.init(), disk.storage)
    #expect(try log.directory.segments().count < 10)
    #expect(try log.directory.epochs().count <= 20)
    #expect(try readAll(log).map(\.sample) == (0..<1000).map(Sample.init))
  }

  // Seen to fail with: a probe of each segment.
  @Test func manySegmentsDoNotMakeOpeningSlower() throws {
    var calls: [Int] = []
    for count in [20, 1000] {
      let scratch = Scratch()
      let disk = Disk(syncs: false)
      let writer = try scratch.open(.init(segmentBytes: 1), disk.storage).openWriter()
      try append(0..<count, to: writer)
      try writer.close()
      let log = try scratch.open(.init(), disk.storage)
      let before = disk.operationCount
      #expect(try log.openWriter().endOffset == writer.endOffset)
      calls.append(disk.operationCount - before)
      #expect(try log.directory.segments().count == count)
    }
    #expect(calls[0] == calls[1])
  }

  // Seen to fail with: an epoch file of more than 16 MiB that is `corrupted`.
  @Test func anEpochFileOfAMillionWritersIsReadAndTrimmed() throws {
    let scratch = Scratch()
    let count = 2_000_000
    for _ in 0..<2 {
      let writer = try scratch.open().openWriter()
      try append(0..<3, to: writer)
      try writer.close()
    }
    let end = try scratch.open().offsets().end
    var text = "0\n\(count)\n"
    for epoch in 0..<count { text += "\(epoch) \(epoch == count - 1 ? 1 : 0)\n" }
    #expect(text.utf8.count > 16 << 20)
    let file = scratch.file("leader-epoch-checkpoint")
    try scratch.write(Array(text.utf8), to: file)
    let log = try scratch.open()
    #expect(try log.offsets().end == end)
    let writer = try log.openWriter()
    #expect(writer.epoch == Int32(count))
    #expect(try scratch.bytes(file).count < 4096)
    let last = try #require(try scratch.open().directory.epochs().last)
    #expect(last.epoch == Int32(count) && last.startOffset == end.value)
  }

  // R9. Seen to fail with: a writer that continues in the file that the former writer has open.
  @Test func aWriterGoesOnInASmallSegmentButNotInTheFormerWritersFile() throws {
    let scratch = Scratch()
    let deposed = try scratch.open().openWriter()
    try append(0..<5, to: deposed)
    try deposed.sync()
    try scratch.remove(scratch.file("writer.lock"))
    let log = try scratch.open()
    let writer = try log.openWriter()
    #expect(try log.directory.segments() == [0])
    try append(5..<8, to: writer)
    for _ in 0..<4 { _ = try? append(100..<101, to: deposed) }
    #expect(try readAll(scratch.open()).map(\.sample) == (0..<8).map(Sample.init))
    try append(8..<9, to: writer)
    try writer.close()
    #expect(try readAll(scratch.open()).map(\.sample) == (0..<9).map(Sample.init))
  }

  // R7. Seen to fail with: a copy of bytes that weren't checked.
  @Test func aDamagedSegmentIsLeftAsItIs() throws {
    let scratch = Scratch()
    let first = try scratch.open().openWriter()
    try append(0..<80, to: first)
    try first.close()
    var bytes = try scratch.bytes(scratch.segment(0))
    bytes[200] ^= 1
    try scratch.write(bytes, to: scratch.segment(0))
    let log = try scratch.open()
    let writer = try log.openWriter()
    #expect(try log.directory.segments() == [0, first.endOffset.value])
    #expect(try scratch.bytes(scratch.segment(0)) == bytes)
    try append(80..<81, to: writer)
    #expect(failure(.corrupted) { _ = try readAll(log) }?.value("file") == scratch.segment(0))
  }

  // R7. Seen to fail with: a segment that is missed only among the last ones.
  @Test func anIndexTellsOfASegmentThatIsGone() throws {
    let scratch = Scratch()
    let quick = Disk(syncs: false).storage
    let writer = try scratch.open(.init(segmentBytes: 1), quick).openWriter()
    try append(0..<20, to: writer)
    try writer.close()
    let log = try scratch.open(.init(), quick)
    let lost = try log.directory.segments()[5]
    try scratch.remove(scratch.segment(lost))
    let error = failure(.corrupted) { _ = try log.openWriter() }
    #expect(error?.value("file") == scratch.segment(lost))
  }

  // Seen to fail with: a cursor that looks at its open file again.
  @Test func aReaderOfTheFormerWritersFileGoesOnInTheNext() throws {
    let scratch = Scratch()
    let first = try scratch.open().openWriter()
    try append(0..<3, to: first)
    try first.close()
    var count = 0
    try scratch.open().read(from: 0, to: nil) { (commit) throws(StoreError) in
      count += 1
      if count == 3 {
        let former = try POSIXStorage().open(scratch.segment(0), .readWrite)
        let second = try FileLog.open(scratch.path, Scratch.partition).openWriter()
        for number in 3..<5 { _ = try second.append(Sample(number).commit()) }
        try second.close()
        // Part of an append by the deposed writer.
        try former?.writeAll([UInt8](repeating: 1, count: 99).rawSpan, at: try former?.size() ?? 0)
      }
      return .next
    }
    #expect(count == 5)
    #expect(try scratch.open().directory.segments() == [0])
  }

  /// Two processes that start at once.
  ///
  /// Seen to fail with: one look for the identity, before the look for segments.
  @Test func aLogThatAnotherCreatesMeanwhileIsOpened() throws {
    let scratch = Scratch()
    let isFirst = Mutex(true)
    let storage = HookedStorage { path in
      let creates =
        path.hasSuffix("/partition.metadata")
        && isFirst.withLock { first in
          defer { first = false }
          return first
        }
      guard creates else { return false }
      _ = try? append(0..<1, to: scratch.open().openWriter())
      return true
    }
    try FileManager.default.createDirectory(atPath: scratch.file(""), withIntermediateDirectories: true)
    let log = try scratch.open(.init(), storage)
    #expect(try readAll(log).count == 1)
  }
}

/// The operating system's files, except those that the hook reports missing; the hook may act first.
private struct HookedStorage: ForwardingStorage {
  let isMissing: @Sendable (String) -> Bool

  func open(_ path: String, _ mode: StorageFileMode) throws(StoreError) -> (any StorageFile)? {
    isMissing(path) ? nil : try base.open(path, mode)
  }
}
