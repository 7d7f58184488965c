import Foundation
import Synchronization
import Testing
import Tidemark
import TidemarkTesting

/// R3, log before data: no table file is installed with a change whose changelog batch isn't durable.
@Suite struct RuleR3Tests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// Seen to fail with: table files that are synced without syncing the log.
  @Test func aFlushWaitsForTheLogToBeSynced() throws {
    let log = RecordingChangelog(try directory.log())
    let store = try directory.store(log)
    try store.write { try $0.put("a", 1, in: balances) }
    let info = try store.info()
    #expect(info.storedOffset < info.committedOffset)
    let gate = Gate()
    var faults = RecordingChangelog.Faults()
    faults.willSync = { gate.pass() }
    log.setFaults(faults)
    log.forgetEvents()
    let flush = BackgroundCall { try store.flush() }
    #expect(eventually { gate.hasArrivals || flush.isDone })
    #expect(gate.hasArrivals && !flush.isDone, "the flush asks for a sync and waits for it")
    #expect(try store.info().storedOffset == info.storedOffset)
    gate.open()
    try flush.wait()
    #expect(try store.info().storedOffset == info.committedOffset)
    #expect(log.events.contains(.synced(info.committedOffset)))
  }

  /// Seen to fail with: table files that are synced without syncing the log.
  @Test func runsThatAreAppliedOnTheirOwnWaitToo() throws {
    let log = try directory.log()
    let store = try directory.store(log, .tiny)
    let first = try store.info().storedOffset
    var last = first
    for number in 0..<600 {
      try store.write { try $0.put(("key", Int64(number)), String(repeating: "x", count: 400), in: orders) }
      // The stored offset is read first: whatever it says must be durable by now.
      last = try store.info().storedOffset
      #expect(try log.offsets().durable >= last)
    }
    #expect(last > first, "runs were applied")
  }

  /// Seen to fail with: a table file's sync that succeeds although the log's sync failed.
  @Test func aFailingSyncOfTheLogFailsTheFlushAndStopsTheStore() throws {
    let log = RecordingChangelog(try directory.log())
    let stored: Offset
    do {
      let store = try directory.store(log)
      try store.write { try $0.put("a", 1, in: balances) }
      stored = try store.info().storedOffset
      var faults = RecordingChangelog.Faults()
      faults.sync = StoreError(.commitUnknown, "the disk is on fire")
      log.setFaults(faults)
      #expect(throws: StoreError.self) { try store.flush() }
      #expect(try store.info().storedOffset == stored)
      log.setFaults(RecordingChangelog.Faults())
      // Even with the fault gone, the log's contents are unknown: nothing is written until the store is reopened.
      _ = storeError(.commitUnknown) { try store.write { try $0.put("b", 2, in: balances) } }
      #expect(throws: StoreError.self) { try store.flush() }
      #expect(try store.snapshot().get("a", in: balances) == 1, "reads go on")
      #expect(throws: StoreError.self) { try store.close() }
    }
    #expect(try StoredImage(of: directory("store")).offset == stored)
    let store = try directory.store(log)
    #expect(try store.snapshot().allBalances() == ["a": 1])
    try store.write { try $0.put("b", 2, in: balances) }
    try store.close()
  }

  /// A log may hold unsynced commits of a process that died; restore must not apply them before they are synced.
  ///
  /// Seen to fail with: no sync before restore.
  @Test func theLogIsSyncedBeforeRestoreAppliesAnything() throws {
    let log = RecordingChangelog(try directory.log())
    do {
      let store = try directory.store(log)
      for number in 0..<50 { try store.write { try $0.put("key\(number)", 1, in: balances) } }
    }
    log.forgetEvents()
    let store = try directory.store(log)
    let info = try store.info()
    #expect(
      log.events == [.openedWriter(epoch: info.epoch), .synced(info.committedOffset), .read(from: info.storedOffset)])
  }
}
