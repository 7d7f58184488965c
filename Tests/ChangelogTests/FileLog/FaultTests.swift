import Changelog
import Foundation
import Testing
import TidemarkTesting

@Suite struct FaultTests {
  // R7. Seen to fail with: a second `sync` of the same file in place of `rewriteTail`.
  @Test(arguments: [0, 4])
  func afterAFailedSyncTheTailIsRewritten(durableBefore: Int) throws {
    let scratch = Scratch()
    let disk = Disk()
    let log = try scratch.open(.init(), disk.storage)
    let writer = try log.openWriter()
    try append(0..<durableBefore, to: writer)
    try writer.sync()
    let base = writer.durableOffset
    try append(durableBefore..<10, to: writer)
    disk.plan(.init(.sync, pathSuffix: ".log"))
    let inode = try inode(scratch.segment(base.value))
    #expect(try writer.sync() == writer.endOffset)
    #expect(try self.inode(scratch.segment(base.value)) != inode)
    try append(10..<20, to: writer)
    try writer.sync()
    #expect(try readAll(log).map(\.sample) == (0..<20).map(Sample.init))
    #expect(try readAll(scratch.open()).count == 20)
    #expect(try log.receipt(endingAt: writer.endOffset) == writer.lastReceipt)
    // The former file no longer counts: its commits that weren't durable may be missing.
    if durableBefore > 0 {
      let former = try scratch.bytes(scratch.segment(0))
      try scratch.write(Array(former.dropLast(5)), to: scratch.segment(0))
      #expect(try readAll(scratch.open()).count == 20)
    }
    try writer.close()
    #expect(try scratch.open().openWriter().endOffset == writer.endOffset)
  }

  private func inode(_ path: String) throws -> Int? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    return try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int
  }

  // R7. Seen to fail with: epochs that are read twice, for the writer's own and for those recorded with it.
  @Test(arguments: 1...6) func aFlippedBitInAReadOfTheEpochsStaysOffTheDisk(nth: Int) throws {
    let scratch = Scratch()
    let first = try scratch.open().openWriter()
    try append(0..<3, to: first)
    try first.close()
    let disk = Disk()
    // In the first epoch, 0, which then reads as 1.
    var fault = Disk.Fault(.read, nth: nth, pathSuffix: "leader-epoch-checkpoint")
    fault.flipsBit = true
    disk.plan(fault)
    try? scratch.open(.init(), disk.storage).openWriter().close()
    let writer = try scratch.open().openWriter()
    try append(3..<5, to: writer)
    try writer.close()
    #expect(try readAll(scratch.open()).map(\.sample) == (0..<5).map(Sample.init))
  }

  // R9. Seen to fail with: `syncFile` and `rewriteTail` without `checkOwnership`.
  @Test func aDeposedWriterDoesNotRewriteItsTail() throws {
    let scratch = Scratch()
    let disk = Disk()
    let deposed = try scratch.open(.init(), disk.storage).openWriter()
    try append(0..<3, to: deposed)
    try scratch.remove(scratch.file("writer.lock"))
    let log = try scratch.open()
    let writer = try log.openWriter()
    try append(3..<5, to: writer)
    disk.plan(.init(.sync, pathSuffix: ".log"))
    let inode = try inode(scratch.segment(0))
    _ = failure(.fenced) { try deposed.sync() }
    #expect(try self.inode(scratch.segment(0)) == inode)
    try writer.close()
    #expect(try readAll(scratch.open()).map(\.sample) == (0..<5).map(Sample.init))
  }

  // R7. Seen to fail with: `rewriteTail` without reading the tail back.
  @Test func aTailThatCanNotBeReadBackIsUnknown() throws {
    let scratch = Scratch()
    let disk = Disk()
    let log = try scratch.open(.init(durability: .sync), disk.storage)
    let writer = try log.openWriter()
    try append(0..<3, to: writer)
    var fault = Disk.Fault(.sync, pathSuffix: ".log")
    fault.losesUnsynced = true
    disk.plan(fault)
    _ = failure(.commitUnknown) { try append(3..<4, to: writer) }
    _ = failure(.commitUnknown) { try append(4..<5, to: writer) }
    _ = failure(.commitUnknown) { try writer.sync() }
    _ = failure(.commitUnknown) { try writer.close() }
    let again = try scratch.open().openWriter()
    #expect(try readAll(scratch.open()).count == 3)
    #expect(again.epoch == 1)
  }

  // R7. Seen to fail with: `syncFile` ignoring the error of `rewriteTail`; `rewriteTail` without `syncDirectory`.
  @Test(arguments: [Disk.Operation.open, .write, .sync, .rename, .syncDirectory])
  func aTailThatCanNotBeRewrittenIsUnknown(step: Disk.Operation) throws {
    let scratch = Scratch()
    let disk = Disk()
    let writer = try scratch.open(.init(), disk.storage).openWriter()
    try append(0..<3, to: writer)
    disk.plan(.init(.sync, pathSuffix: ".log"))
    disk.plan(.init(step, pathSuffix: step == .syncDirectory ? "" : ".rewrite.tmp"))
    _ = failure(.commitUnknown) { try writer.sync() }
    disk.heal()
    _ = failure(.commitUnknown) { try append(3..<4, to: writer) }
    _ = failure(.commitUnknown) { try writer.close() }
    // The lock is given back all the same.
    let again = try scratch.open(.init(), disk.storage).openWriter()
    #expect(again.endOffset == writer.endOffset)
    #expect(try !scratch.names().contains { $0.hasSuffix(".tmp") })
  }

  /// Whichever call fails during a fork, the fork is either whole or absent, and can then be made.
  ///
  /// Seen to fail with: a fork that is built under its final name.
  @Test func aForkThatFailedIsMadeAnew() throws {
    let scratch = Scratch()
    let disk = Disk()
    let log = try scratch.open(.init(), disk.storage)
    let writer = try log.openWriter()
    let ends = try append(0..<10, to: writer).map(\.endOffset)
    let partition = TopicPartition("fork", 0)
    var failures = 0
    for operation in [Disk.Operation.open, .write, .sync, .rename, .link, .syncDirectory, .createDirectory] {
      for nth in 1...40 {
        let parent = scratch.path + "/\(operation)\(nth)"
        disk.plan(.init(operation, nth: nth))
        do {
          _ = try log.fork(to: parent, partition, at: ends[6])
          disk.heal()
        } catch {
          disk.heal()
          failures += 1
          if try POSIXStorage().list(parent + "/fork-0") == nil {
            _ = try log.fork(to: parent, partition, at: ends[6])
          }
        }
        let fork = try FileLog.open(parent, partition, options: .init(createIfMissing: false))
        #expect(try fork.offsets().end == ends[6])
        #expect(try fork.receipt(endingAt: ends[6]) == log.receipt(endingAt: ends[6]))
        let forkWriter = try fork.openWriter()
        _ = try append(7..<8, to: forkWriter)
        try forkWriter.close()
        #expect(try readAll(fork, from: fork.offsets().start).map(\.sample) == (6..<8).map(Sample.init))
      }
    }
    #expect(failures > 15)
    try writer.close()
  }

  // R13. Seen to fail with: `deleteCommits` recording the log's start last; deleting the last segment first.
  @Test func aDeletionThatFailsLeavesALogAndGoesOn() throws {
    let scratch = Scratch()
    let writer = try scratch.open(.init(segmentBytes: 2000), Disk(syncs: false).storage).openWriter()
    let end = try append(0..<30, to: writer)[20].endOffset
    try writer.close()
    var failures = 0
    for operation in [Disk.Operation.open, .write, .rename, .unlink, .syncDirectory] {
      for nth in 1...20 {
        let copy = try scratch.copy()
        let disk = Disk(syncs: false)
        let log = try copy.open(.init(), disk.storage)
        disk.plan(.init(operation, nth: nth))
        if (try? log.deleteCommits(below: end)) == nil { failures += 1 }
        disk.heal()
        for _ in 0..<2 {
          let again = try copy.open(.init(), disk.storage)
          let start = try again.offsets().start
          #expect(start < end)
          #expect(try readAll(again, from: start).last?.receipt == writer.lastReceipt, "\(operation) \(nth)")
          #expect(try again.openWriter().lastReceipt == writer.lastReceipt)
          try again.deleteCommits(below: end)
        }
      }
    }
    #expect(failures > 15)
  }

  // R6. Seen to fail with: an error of the sync that is ignored.
  @Test(arguments: [(5, StoreError.Kind.inputOutput), (28, .outOfSpace), (13, nil)] as [(Int32, StoreError.Kind?)])
  func aDirectoryWhoseNameIsNotSyncedIsAnErrorUnlessItIsForbidden(code: Int32, kind: StoreError.Kind?) throws {
    let scratch = Scratch()
    let disk = Disk(syncs: false)
    let log = try scratch.open(.init(), disk.storage)
    disk.plan(.init(.syncDirectory, pathSuffix: scratch.path, errno: code))
    if let kind {
      _ = failure(kind) { _ = try log.openWriter() }
      disk.heal()
    }
    try log.openWriter().close()
    #expect(disk.failureCount == 1)
  }

  // Seen to fail with: `write` without `truncate`, for the short write.
  @Test(arguments: [28, 122, 27, 5, -1] as [Int32])
  func anAppendThatFailsLeavesNothing(code: Int32) throws {
    let scratch = Scratch()
    let disk = Disk()
    let log = try scratch.open(.init(), disk.storage)
    let writer = try log.openWriter()
    try append(0..<3, to: writer)
    let size = try scratch.bytes(scratch.segment(0)).count
    var fault = Disk.Fault(.write, pathSuffix: ".log", errno: code)
    if code < 0 { fault.shortBytes = 100 }
    disk.plan(fault)
    let error = failure(code == 5 ? .unavailable : .outOfSpace) { try append(3..<4, to: writer) }
    #expect(error?.message.contains("not committed") == true)
    #expect(try scratch.bytes(scratch.segment(0)).count == size)
    try append(3..<6, to: writer)
    #expect(try readAll(log).map(\.sample) == (0..<6).map(Sample.init))
    try writer.close()
  }

  // Seen to fail with: `write` ignoring the error of `truncate`.
  @Test func anAppendThatCanNotBeTakenBackIsUnknown() throws {
    let scratch = Scratch()
    let disk = Disk()
    let writer = try scratch.open(.init(), disk.storage).openWriter()
    try append(0..<3, to: writer)
    var fault = Disk.Fault(.write, pathSuffix: ".log")
    fault.shortBytes = 100
    disk.plan(fault)
    disk.plan(.init(.truncate))
    _ = failure(.commitUnknown) { try append(3..<4, to: writer) }
    _ = failure(.commitUnknown) { try append(3..<4, to: writer) }
  }

  // Seen to fail with: `ActiveSegment.create` keeping the file when its name can't be synced.
  @Test(arguments: [Disk.Operation.open, .syncDirectory])
  func aRollThatFailsLeavesNothing(step: Disk.Operation) throws {
    let scratch = Scratch()
    let disk = Disk()
    let log = try scratch.open(.init(segmentBytes: 1), disk.storage)
    let writer = try log.openWriter()
    try append(0..<1, to: writer)
    // The 2nd sync, that of the roll: the recovery point's rename has already synced the directory once.
    disk.plan(.init(step, nth: step == .open ? 1 : 2, pathSuffix: step == .open ? ".log" : ""))
    _ = failure(.unavailable) { try append(1..<2, to: writer) }
    try append(1..<4, to: writer)
    #expect(try readAll(log).map(\.sample) == (0..<4).map(Sample.init))
  }

  // R6. Seen to fail with: `acknowledge` returning at once for an interval.
  @Test func acknowledgementsOfAnIntervalWaitForTheSync() throws {
    let scratch = Scratch()
    let gate = Mutex((armed: false, acknowledged: false, early: false))
    let disk = Disk { operation, path in
      guard operation == .sync, path.hasSuffix(".log"), gate.withLock({ $0.armed }) else { return }
      // Nothing may be acknowledged during the sync; wait long enough for a wrong acknowledgement to happen.
      gate.wait(timeout: .milliseconds(200), until: { $0.acknowledged }) { $0.early = $0.acknowledged }
      gate.withLock { $0.armed = false }
      gate.wake()
    }
    let writer = try scratch.open(.init(durability: .interval(.zero)), disk.storage).openWriter()
    gate.withLock { $0.armed = true }
    let appended = try append(1..<2, to: writer)
    gate.withLock { $0.acknowledged = true }
    gate.wake()
    gate.wait(until: { !$0.armed }) { #expect(!$0.early) }
    #expect(writer.durableOffset == appended[0].endOffset)
    try writer.close()
  }

  // R11. Seen to fail with: a thread for each writer.
  @Test func writersShareTheThreadsThatSyncByTheInterval() throws {
    let synced = Mutex(Set<String>())
    let disk = Disk(syncs: false) { operation, path in
      guard operation == .sync, path.hasSuffix(".log") else { return }
      synced.withLock { _ = $0.insert(path) }
      synced.wake()
    }
    let scratches = (0..<20).map { _ in Scratch() }
    let writers = try scratches.map {
      try $0.open(.init(durability: .interval(.milliseconds(1))), disk.storage).openWriter()
    }
    for round in 0..<3 {
      synced.withLock { $0 = [] }
      for writer in writers { try append(round..<round + 1, to: writer) }
      synced.wait(until: { $0.count == 20 }) { _ in }
    }
    #expect((1...8).contains(Scheduler.sync.threadCount))
    for writer in writers { try writer.close() }
  }

  @Test func acknowledgementsOfAYoungIntervalDoNotWait() throws {
    let scratch = Scratch()
    let disk = Disk()
    let writer = try scratch.open(.init(durability: .interval(.seconds(3600))), disk.storage).openWriter()
    let syncs = disk.count(of: .sync)
    try append(0..<10, to: writer)
    #expect(disk.count(of: .sync) == syncs)
    #expect(writer.durableOffset == 0)
    try writer.close()
    #expect(writer.durableOffset == writer.endOffset)
  }

  // R6. Seen to fail with: a writer that syncs only on close.
  @Test(arguments: [true, false]) func commitsOfAnIntervalAreDurableOnceTheWriterIsGone(_ isClosed: Bool) throws {
    let scratch = Scratch()
    let disk = Disk()
    let log = try scratch.open(.init(durability: .interval(.seconds(3600))), disk.storage)
    var writer: (any ChangelogWriter)? = try log.openWriter()
    let syncs = disk.count(of: .sync)
    try append(0..<10, to: try #require(writer))
    #expect(disk.count(of: .sync) == syncs)
    if isClosed { try writer?.close() }
    writer = nil
    #expect(disk.count(of: .sync) > syncs)
  }

  // R6. Seen to fail with: `acknowledge` returning at once for `.sync`.
  @Test func syncedCommitsAreDurableWhenAcknowledged() throws {
    let scratch = Scratch()
    let disk = Disk()
    let writer = try scratch.open(.init(durability: .sync), disk.storage).openWriter()
    let syncs = disk.count(of: .sync)
    for number in 0..<5 {
      let appended = try append(number..<number + 1, to: writer)
      #expect(writer.durableOffset == appended[0].endOffset)
    }
    #expect(disk.count(of: .sync) == syncs + 5)
  }

  // R6. Seen to fail with: a rewritten tail that clears the failure.
  @Test func aRewrittenTailHidesNoCommitThatIsUnknown() throws {
    let scratch = Scratch()
    let appender = Mutex((any ChangelogWriter)?.none)
    let kinds = Mutex([StoreError.Kind?]())
    let disk = Disk { operation, path in
      guard operation == .sync, path.hasSuffix(".log"),
        let writer = appender.withLock({ writer in
          defer { writer = nil }
          return writer
        })
      else { return }
      // This runs during the sync that is about to fail.
      do { _ = try append(3..<4, to: writer) } catch { kinds.withLock { $0.append((error as? StoreError)?.kind) } }
    }
    let writer = try scratch.open(.init(), disk.storage).openWriter()
    try append(0..<3, to: writer)
    appender.withLock { $0 = writer }
    var fault = Disk.Fault(.write, pathSuffix: ".log")
    fault.shortBytes = 100
    disk.plan(fault)
    disk.plan(.init(.truncate))
    disk.plan(.init(.sync, pathSuffix: ".log"))
    _ = try? writer.sync()
    #expect(kinds.withLock { $0 } == [.commitUnknown])
    _ = failure(.commitUnknown) { try append(4..<5, to: writer) }
    _ = failure(.commitUnknown) { try writer.close() }
    #expect(try scratch.open().openWriter().endOffset == writer.endOffset)
    #expect(try readAll(scratch.open()).count == 3)
  }

  // R6. Seen to fail with: the interval sync's own error passed on as it was thrown.
  @Test func aFailedSyncOfTheIntervalIsNoUnknownCommit() throws {
    let scratch = Scratch()
    let hasFailed = Mutex(false)
    let disk = Disk { operation, path in
      guard operation == .open, path.hasSuffix(".rewrite.tmp") else { return }
      hasFailed.withLock { $0 = true }
      hasFailed.wake()
    }
    let writer = try scratch.open(.init(durability: .interval(.milliseconds(20))), disk.storage).openWriter()
    disk.plan(.init(.sync, pathSuffix: ".log"))
    disk.plan(.init(.open, pathSuffix: ".rewrite.tmp"))
    _ = try? append(0..<1, to: writer)
    hasFailed.wait(until: { $0 }) { _ in }
    let error = failure(.failed) { try writer.sync() }
    #expect(error?.causeKind == .commitUnknown)
    _ = failure(.failed) { try append(1..<2, to: writer) }
    _ = failure(.failed) { try writer.close() }
    #expect(try scratch.open().openWriter().endOffset == writer.endOffset)
  }

  @Test func syncRunsWhileAppending() throws {
    let scratch = Scratch()
    let log = try scratch.open(.init(segmentBytes: 4000), Disk(syncs: false).storage)
    let writer = try log.openWriter()
    let done = Mutex((finished: 0, failures: [String]()))
    for _ in 0..<3 {
      Thread.detachNewThread {
        for _ in 0..<200 {
          do {
            let end = writer.endOffset
            if try writer.sync() < end { throw StoreError(.inputOutput, "sync returned too early") }
          } catch { done.withLock { $0.failures.append("\(error)") } }
        }
        done.withLock { $0.finished += 1 }
        done.wake()
      }
    }
    try append(0..<500, to: writer)
    done.wait(until: { $0.finished == 3 }) { #expect($0.failures.isEmpty) }
    #expect(try readAll(log).map(\.sample) == (0..<500).map(Sample.init))
  }
}
