import Foundation
import Testing
import TidemarkTesting

@testable import Tidemark

/// Work and waiting callers when something fails beside them.
@Suite struct FailureTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private static let failure = StoreError(.inputOutput, "the database failed in the background")

  /// Without another commit, and without another call.
  ///
  /// Seen to fail with: a failed flush that wakes nobody.
  @Test func whatACallCouldNotApplyIsTriedAgainByItself() throws {
    let failing = Disk(syncs: false)
    var options = StoreOptions.lazy
    options.fileSystem = failing.fileSystem
    let store = try directory.store(try directory.log(), options)
    try store.flush()
    try store.write { try $0.put("a", 1, in: balances) }
    // Not a compaction's write, which would take the failure for itself.
    failing.plan(Disk.Fault(.write, pathSuffix: "/ingest/offsets.sst", errno: ENOSPC))
    _ = storeError(.outOfSpace) { try store.flush() }
    let committed = try store.snapshot().offset
    #expect(try eventually { try store.info().storedOffset == committed })
    try store.close()
  }

  /// Seen to fail with: a failed merge after which the store takes no more writes.
  @Test(arguments: [Disk.Operation.write, .close]) func smallFilesThatCannotBeMergedStay(
    _ operation: Disk.Operation
  ) throws {
    let disk = Disk(syncs: false)
    var options = StoreOptions.lazy
    options.fileSystem = disk.fileSystem
    let store = try directory.store(try directory.log(), options)
    func commit(_ number: Int) throws {
      try store.write { try $0.put("key\(number)", Int64(number), in: balances) }
    }
    for number in 100..<150 {
      // From the third operation on: the first two are on the files that are taken in.
      disk.heal()
      disk.plan(Disk.Fault(operation, nth: number % 8 + 3, count: 2, pathSuffix: ".sst", errno: ENOSPC))
      try commit(number)
      do throws(StoreError) { try store.flush() } catch {
        #expect(error.kind == .outOfSpace)
        disk.heal()
        try store.flush()
      }
    }
    #expect(disk.failureCount > 0)
    disk.heal()
    for number in 150..<166 {
      try commit(number)
      try store.flush()
    }
    #expect(try store.verify(in: directory("scratch")).agrees)
    #expect(try store.snapshot().allBalances().count == 66)
    try store.close()
    let names = try FileManager.default.contentsOfDirectory(atPath: directory("store/db"))
    #expect(names.count { $0.hasSuffix(".sst") } < 32)
  }

  /// Failures on RocksDB's threads reach the store's health alone.
  ///
  /// Seen to fail with: a failure that wakes nobody.
  @Test(arguments: [true, false]) func aFailureInTheBackgroundEndsWaitsForCommits(_ isAsync: Bool) async throws {
    let store = try directory.store(try directory.log())
    let open = try store.opened()
    let position: Position = [TopicPartition("input", 0): 1]
    var outcome: StoreError?
    // The error must come from the failure, not from the timeout: other tests may use up much time.
    let patience = Duration.seconds(3600)
    let call = isAsync ? nil : BackgroundCall { try open.materializer.waitBlocking(for: position, timeout: patience) }
    let task = isAsync ? Task { try await open.materializer.wait(for: position, timeout: patience) } : nil
    // Without blocking a thread that tasks run on.
    let deadline = ContinuousClock.now.advanced(by: .seconds(30))
    while open.materializer.waiters.waitingCount == 0, .now < deadline { await Task.yield() }
    open.health.fail(Self.failure)
    do {
      try call?.wait()
      try await task?.value
    } catch let error as StoreError { outcome = error }
    #expect(outcome?.kind == .failed)
    try? store.close()
  }

  /// Only reopening shows what a failed store's files hold.
  ///
  /// Seen to fail with: a worker that goes on.
  @Test func aStoreThatHasFailedAppliesNothing() throws {
    try failAndClose()
    let next = try directory.store(try directory.log())
    #expect(try next.snapshot().allBalances() == ["a": 1])
    try next.close()
  }

  private func failAndClose() throws {
    let store = try directory.store(try directory.log())
    try store.flush()
    try store.write { try $0.put("a", 1, in: balances) }
    let open = try store.opened()
    let stored = try store.info().storedOffset
    open.health.fail(Self.failure)
    open.materializer.requestFlush()
    // Jobs begin in order: once this one runs, the store's job has begun, and stopping waits for its end.
    let isBehind = Gate()
    isBehind.open()
    let job = Scheduler.Job(on: .work)
    job.start {
      isBehind.pass()
      return nil
    }
    #expect(eventually { isBehind.hasArrivals })
    job.cancel()
    open.materializer.stop()
    #expect(try store.info().storedOffset == stored)
    _ = storeError(.failed) { try store.close() }
  }
}
