import Changelog
import Foundation
import Testing
import TidemarkTesting

@Suite struct FileLogTests {
  @Test(arguments: [FileLogOptions(), FileLogOptions(durability: .sync, segmentBytes: 1500, indexIntervalBytes: 0)])
  func aFileLogIsAChangelog(options: FileLogOptions) throws {
    var options = options
    options.maxCommitBytes = 20_000
    let scratches = Mutex([Scratch]())
    try ChangelogConformance(
      maxCommitBytes: options.maxCommitBytes,
      tear: { log in try tear(try #require(log as? FileLog)) },
      make: {
        let scratch = Scratch()
        scratches.withLock { $0.append(scratch) }
        return try scratch.open(options)
      },
      reopen: { log in
        let id = log.identity
        let scratch = try #require(scratches.withLock { $0 }.first { (try? $0.open(options).identity) == id })
        return try scratch.open(options)
      }
    ).checkAll()
  }

  @Test(arguments: [0, 1] as [Int64], [Int.max, 3])
  func aChangelogInMemoryIsAChangelog(offsetGap: Int64, batchRecords: Int) throws {
    try ChangelogConformance(
      maxCommitBytes: 20_000,
      make: {
        InMemoryChangelog(
          maxCommitBytes: 20_000, offsetGap: offsetGap, batchRecords: batchRecords, carriesOutputs: offsetGap == 0)
      },
      reopen: { try #require($0 as? InMemoryChangelog).reopened() }
    ).checkAll()
  }

  @Test func aChangelogInMemoryLosesWithPowerWhatWasNotSynced() throws {
    let log = InMemoryChangelog()
    let writer = try log.openWriter()
    try append(0..<3, to: writer)
    try writer.sync()
    try append(3..<5, to: writer)
    log.loseProcess()
    #expect(try readAll(log).count == 5)
    _ = failure(.closed) { try append(5..<6, to: writer) }
    let second = try log.reopened().openWriter()
    _ = failure(.fenced) { try append(5..<6, to: writer) }
    try append(5..<6, to: second)
    log.losePower()
    #expect(try readAll(log).count == 5)
    #expect(try log.offsets().end == log.offsets().durable)
  }

  @Test func filesAreNamedAsKafkaNamesThemAndClosedToOthers() throws {
    let scratch = Scratch()
    let log = try scratch.open()
    let writer = try log.openWriter()
    try append(0..<5, to: writer)
    let end = writer.endOffset
    try writer.close()
    _ = try scratch.open(.init(segmentBytes: 1)).openWriter()
    #expect(
      try scratch.names() == [
        "00000000000000000000.index", "00000000000000000000.log", "00000000000000000000.timeindex",
        segmentName(end.value, "index"), segmentName(end.value, "log"), segmentName(end.value, "timeindex"),
        "leader-epoch-checkpoint", "partition.metadata", "recovery-point-offset-checkpoint", "writer-epoch",
        "writer.lock",
      ])
    func text(_ name: String) throws -> String? {
      String(bytes: try scratch.bytes(scratch.file(name)), encoding: .utf8)
    }
    #expect(try text("leader-epoch-checkpoint") == "0\n2\n0 0\n1 \(end)\n")
    #expect(try text("recovery-point-offset-checkpoint") == "0\n1\norders-changelog 0 \(end)\n")
    #expect(try text("partition.metadata")?.hasPrefix("version: 0\ntopic_id: ") == true)
    #expect(try text("writer.lock") == "\(ProcessInfo.processInfo.processIdentifier)\n")
    for name in try scratch.names() {
      let mode = try FileManager.default.attributesOfItem(atPath: scratch.file(name))[.posixPermissions] as? Int
      #expect(mode == 0o600, "\(name)")
    }
    let mode = try FileManager.default.attributesOfItem(atPath: scratch.directory)[.posixPermissions] as? Int
    #expect(mode == 0o700)
  }

  // R9. Seen to fail with: `tryLock` not asked.
  @Test func aSecondWriterInThisProcessIsRefused() throws {
    let scratch = Scratch()
    let log = try scratch.open()
    let writer = try log.openWriter()
    for other in [log, try scratch.open()] {
      let error = failure(.locked) { _ = try other.openWriter() }
      #expect(error?.value("process") == "\(ProcessInfo.processInfo.processIdentifier)")
      #expect(error?.value("file") == scratch.file("writer.lock"))
    }
    try append(0..<2, to: writer)
    try writer.close()
    #expect(try log.openWriter().epoch == 1)
  }

  // R9. Seen to fail with: `tryLock` not asked.
  @Test func aSecondWriterInAnotherProcessIsRefused() async throws {
    let scratch = Scratch()
    let writer = try scratch.open().openWriter()
    try append(0..<2, to: writer)
    let path = scratch.path
    await #expect(processExitsWith: .success) { [path = path as String] in
      let log = try FileLog.open(path, Scratch.partition)
      #expect(try readAll(log).count == 2)
      _ = failure(.locked) { _ = try log.openWriter() }
    }
    try append(2..<3, to: writer)
    try writer.close()
  }

  // R9. The next writer continues in a copy of the segment, or leaves that to the deposed writer and starts another.
  //
  // Seen to fail with: `LogCursor.next` without `limit`; `checkOwnership` not asked.
  @Test(arguments: [FileLogOptions(), FileLogOptions(segmentBytes: 1)])
  func whatADeposedWriterAppendsIsIgnored(_ options: FileLogOptions) throws {
    for appendedBefore in [0, 3] {
      let scratch = Scratch()
      let deposed = try scratch.open().openWriter()
      try append(0..<appendedBefore, to: deposed)
      try scratch.remove(scratch.file("writer.lock"))
      let log = try scratch.open(options)
      let writer = try log.openWriter()
      #expect(writer.epoch == deposed.epoch + 1)
      _ = failure(.fenced) { try append(100..<104, to: deposed) }
      try append(appendedBefore..<appendedBefore + 2, to: writer)
      _ = failure(.fenced) { try append(104..<108, to: deposed) }
      let expected = (0..<appendedBefore + 2).map(Sample.init)
      #expect(try readAll(log).map(\.sample) == expected)
      #expect(try readAll(scratch.open()).map(\.sample) == expected)
      _ = failure(.fenced) { try deposed.sync() }
      _ = failure(.fenced) { try append(108..<109, to: deposed) }
      _ = failure(.fenced) { try deposed.close() }
      try writer.close()
      let again = try scratch.open()
      #expect(try again.openWriter().lastReceipt == writer.lastReceipt)
      #expect(try readAll(again).map(\.sample) == expected)
    }
  }

  // R9. Seen to fail with: `roll` without `checkOwnership`, which asks for another try.
  @Test func aDeposedWriterStartsNoSegment() throws {
    let scratch = Scratch()
    let deposed = try scratch.open(.init(segmentBytes: 1)).openWriter()
    try append(0..<3, to: deposed)
    try deposed.sync()
    try scratch.remove(scratch.file("writer.lock"))
    let log = try scratch.open()
    let writer = try log.openWriter()
    let names = try scratch.names()
    for _ in 0..<2 { _ = failure(.fenced) { try append(100..<101, to: deposed) } }
    #expect(try scratch.names() == names)
    try append(3..<5, to: writer)
    try writer.close()
    #expect(try readAll(scratch.open()).map(\.sample) == (0..<5).map(Sample.init))
  }

  // R9. Seen to fail with: `sync` without `checkOwnership` if there is nothing to sync.
  @Test func aDeposedWriterLeavesTheRecoveryPointAlone() throws {
    let scratch = Scratch()
    let deposed = try scratch.open().openWriter()
    try append(0..<3, to: deposed)
    try deposed.sync()
    try scratch.remove(scratch.file("writer.lock"))
    let log = try scratch.open()
    let writer = try log.openWriter()
    try append(3..<5, to: writer)
    try writer.close()
    #expect(try log.directory.recoveryPoint() == writer.endOffset.value)
    _ = failure(.fenced) { try deposed.close() }
    #expect(try log.directory.recoveryPoint() == writer.endOffset.value)
  }

  @Test func aReaderFollowsAWriterThroughRolls() throws {
    let scratch = Scratch()
    let writer = try scratch.open(.init(segmentBytes: 2000), Disk(syncs: false).storage).openWriter()
    let reader = try scratch.open()
    let failures = Mutex([String]())
    let finished = Mutex(false)
    Thread.detachNewThread {
      do { try append(0..<1500, to: writer) } catch { failures.withLock { $0.append("\(error)") } }
      finished.withLock { $0 = true }
    }
    var samples: [Sample] = []
    var next = Offset.zero
    var isOver = false
    while !isOver {
      // Read before the pass, so that the last pass sees everything.
      isOver = finished.withLock { $0 }
      next = try reader.read(from: next, to: nil) { (commit) throws(StoreError) in
        samples.append(try Sample(commit))
        return .next
      }
      let offsets = try reader.offsets()
      #expect(offsets.end >= next)
      #expect(offsets.durable <= offsets.end)
    }
    #expect(failures.withLock { $0 } == [])
    #expect(samples == (0..<1500).map(Sample.init))
  }

  // Seen to fail with: `lookUp` without `verified`.
  @Test func answersDoNotDependOnIndexes() throws {
    var random = SeededGenerator(seed: testSeed())
    let scratch = Scratch()
    let quick = Disk(syncs: false).storage
    let options = FileLogOptions(segmentBytes: 20_000, indexIntervalBytes: 300)
    let writer = try scratch.open(options, quick).openWriter()
    let appended = try append(0..<300, to: writer)
    try writer.close()
    let indexes = try scratch.names().filter { $0.hasSuffix("index") }
    #expect(try indexes.contains { try scratch.bytes(scratch.file($0)).count > 80 })
    for round in 0..<20 {
      let copy = try scratch.copy()
      for index in indexes where round > 0 {
        if round == 1 {
          try copy.remove(copy.file(index))
        } else {
          var bytes = try copy.bytes(copy.file(index))
          for at in bytes.indices where round == 2 || Int.random(in: 0..<8, using: &random) == 0 {
            bytes[at] = UInt8.random(in: 0...255, using: &random)
          }
          try copy.write(Array(bytes.dropLast(round % 3)), to: copy.file(index))
        }
      }
      func check() throws {
        let log = try copy.open(options, quick)
        for commit in appended.shuffled(using: &random).prefix(30) {
          #expect(try log.receipt(endingAt: commit.endOffset) == commit.receipt)
          var first: Receipt?
          try log.read(from: commit.baseOffset, to: nil) { (commit) throws(StoreError) in
            first = commit.receipt
            return .stop
          }
          #expect(first == commit.receipt)
        }
        #expect(try log.offsets().end == writer.endOffset)
      }
      try check()
      let recovered = try copy.open(options, quick).openWriter()
      #expect(recovered.lastReceipt == writer.lastReceipt)
      try check()
      if round == 1 {
        for index in indexes { #expect(try copy.bytes(copy.file(index)) == scratch.bytes(scratch.file(index))) }
      }
    }
  }

  // R13. Seen to fail with: `deleteCommits` comparing by `<=`.
  @Test func deletionTakesWholeSegmentsBelowTheOffset() throws {
    let scratch = Scratch()
    let quick = Disk(syncs: false).storage
    let source = try scratch.open(.init(segmentBytes: 2000), quick)
    let writer = try source.openWriter()
    let appended = try append(0..<60, to: writer)
    try writer.close()
    let segments = try source.directory.segments()
    for commit in appended {
      let copy = try scratch.copy()
      let log = try copy.open(.init(), quick)
      let start = try log.deleteCommits(below: commit.endOffset)
      let expected = try #require(segments.last { $0 < commit.endOffset.value })
      #expect(start.value == expected)
      #expect(try log.receipt(endingAt: commit.endOffset) == commit.receipt)
      let left = try copy.names().filter { $0.hasSuffix(".log") || $0.hasSuffix("index") }
      #expect(left.count == 3 * segments.filter { $0 >= expected }.count)
      #expect(try log.openWriter().lastReceipt == writer.lastReceipt)
      #expect(try readAll(log, from: start).last?.receipt == writer.lastReceipt)
      if start > 0 {
        _ = failure(.invalidArgument) { _ = try readAll(log) }
        #expect(try log.receipt(endingAt: 0) == nil)
      }
    }
  }
}
