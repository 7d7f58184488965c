import CoreMetrics
import Foundation
import InMemoryLogging
import Logging
import MetricsTestKit
import Testing
import TidemarkTesting

@testable import Tidemark

/// The metrics of a store, each provoked.
@Suite struct MetricsTests {
  let directory: TemporaryDirectory
  let observed = Observed()

  init() throws { directory = try TemporaryDirectory() }

  private let text = String(repeating: "x", count: 1000)

  private func commit(_ numbers: Range<Int>, to store: StateStore) throws {
    try store.write([TopicPartition("input", 0): Offset(Int64(numbers.upperBound))]) { transaction in
      for number in numbers { try transaction.put(("row", Int64(number)), text, in: orders) }
    }
  }

  // MARK: Commits

  @Test func commitsAreCountedAndTimed() throws {
    let store = try directory.store(try directory.log(), observed.options)
    #expect(try observed.counter("commit-total") == 0, "tables are defined without a transaction")
    try commit(0..<10, to: store)
    try commit(5..<15, to: store)
    // A key written twice is one record, and a write without changes is no commit.
    try store.write { transaction in for number: Int64 in 0..<5 { try transaction.put("a", number, in: balances) } }
    try store.write { _ in }
    #expect(try observed.counter("commit-total") == 3)
    #expect(try observed.counter("records-written-total") == 21)
    let bytes = try observed.counter("bytes-written-total")
    #expect(bytes > 20_000 && bytes < 21_000)
    let times = try observed.timer("commit-latency")
    #expect(times.count == 3 && times.allSatisfy { $0 > 0 && $0 < 60_000_000_000 })
    #expect(try observed.counter("commit-failed-total") == 0)
    try store.close()
  }

  @Test func aCommitThatFailedIsCountedAsOne() throws {
    let changelog = RecordingChangelog(try directory.log())
    let store = try directory.store(changelog, observed.options)
    var faults = RecordingChangelog.Faults()
    faults.append = StoreError(.unavailable, "planned")
    changelog.setFaults(faults)
    for _ in 0..<2 { _ = storeError(.unavailable) { try commit(0..<1, to: store) } }
    changelog.setFaults(RecordingChangelog.Faults())
    try commit(0..<1, to: store)
    #expect(try observed.counter("commit-failed-total") == 2)
    #expect(try observed.counter("commit-total") == 1)
    #expect(try observed.counter("records-written-total") == 1)
    #expect(try observed.timer("commit-latency").count == 1)
    try store.close()
  }

  @Test func uncommittedBytesAreShownUntilTheyAreCommittedOrAborted() throws {
    let store = try directory.store(try directory.log(), observed.options)
    var transaction = try store.begin()
    for isCommitted in [true, false] {
      for number in 0..<500 { try transaction.put(("row", Int64(number)), text, in: orders) }
      let held = Double(transaction.uncommittedBytes)
      try #require(try eventually { try observed.gauge("uncommitted-bytes") ?? 0 >= held })
      #expect(try observed.gauge("uncommitted-bytes") ?? 0 <= held + 65_536)
      if isCommitted { try transaction.commit() } else { transaction.abort() }
      try #require(try eventually { try observed.gauge("uncommitted-bytes") == 0 })
    }
  }

  // MARK: Restore and lag

  @Test func restoreShowsWhatIsDoneAndWhatIsLeft() throws {
    do {
      let store = try directory.store(try directory.log())
      for number in 0..<20 { try commit(number * 10..<number * 10 + 10, to: store) }
      // Gone without closing: the commits are in the changelog alone.
    }
    var steps: [OpenProgress] = []
    let store = try directory.store(try directory.log(), observed.options) { steps.append($0) }
    let last = try #require(steps.last)
    #expect(last.records == 202)
    #expect(try observed.counter("restore-total") == 202)
    let remaining = try observed.gauges("restore-remaining-records-total")
    #expect(remaining.first == Double(last.endOffset.value - last.startOffset.value))
    #expect(remaining.last == 0)
    #expect(try observed.gauge("restore-rate") == last.recordsPerSecond)
    #expect(last.recordsPerSecond > 0)
    try store.close()
  }

  @Test func theStoredOffsetsLagIsWhatACrashWouldReplay() throws {
    let store = try directory.store(try directory.log(), observed.options)
    try store.flush()
    for number in 0..<20 { try commit(number..<number + 1, to: store) }
    let info = try store.info()
    let lag = Double(info.committedOffset.value - info.storedOffset.value)
    #expect(lag == 40, "each commit takes an offset of its own, and one for its record")
    try #require(try eventually { try observed.gauge("stored-lag-records") == lag })
    try #require(try eventually { (20_000..<25_000).contains(try observed.gauge("stored-lag-bytes") ?? 0) })
    try #require(try eventually { try observed.gauge("durable-lag-records") == lag })
    try store.flush()
    try #require(try eventually { try observed.gauge("stored-lag-records") == 0 })
    try #require(try eventually { try observed.gauge("stored-lag-bytes") == 0 })
    try #require(try eventually { try observed.gauge("durable-lag-records") == 0 })
    try store.close()
  }

  @Test func whatIsBeingFlushedLagsUntilItIsStored() throws {
    let changelog = RecordingChangelog(try directory.log())
    let store = try directory.store(changelog, observed.options)
    try store.flush()
    try commit(0..<20, to: store)
    let gate = Gate()
    var faults = RecordingChangelog.Faults()
    faults.willSync = { gate.pass() }
    changelog.setFaults(faults)
    let flush = BackgroundCall { try store.flush() }
    try #require(eventually { gate.hasArrivals })
    // The flush waits for the log, and none of it is stored yet.
    try #require(try eventually { try observed.gauge("num-running-flushes") == 1 })
    let count = try observed.gauges("stored-lag-bytes").count
    try #require(try eventually { try observed.gauges("stored-lag-bytes").count > count })
    #expect(try observed.gauge("stored-lag-bytes") ?? 0 >= 20_000)
    gate.open()
    try flush.wait()
    try #require(try eventually { try observed.gauge("stored-lag-bytes") == 0 })
    try #require(try eventually { try observed.gauge("num-running-flushes") == 0 })
    try store.close()
  }

  // MARK: Readers

  @Test func openCursorsAndSnapshotsAreCounted() throws {
    let store = try directory.store(try directory.log(), observed.options)
    try commit(0..<10, to: store)
    do {
      let view = try store.snapshot()
      var transaction = try store.begin()
      var first = try view.scan(orders)
      let second = try view.scan(orders, .all, .descending)
      var third = try transaction.scan(orders)
      _ = try first.next()
      _ = try third.next()
      // A change of the transaction leaves its cursors open.
      try transaction.put("a", 1, in: balances)
      try #require(try eventually { try observed.gauge("num-open-iterators") == 3 })
      try #require(try eventually { try observed.gauge("num-snapshots") == 1 })
      try #require(try eventually { try observed.gauge("oldest-snapshot-age") ?? 0 >= 1 })
      withExtendedLifetime(view) {}
      _ = consume first
      _ = consume second
      _ = consume third
    }
    try #require(try eventually { try observed.gauge("num-open-iterators") == 0 })
    try #require(try eventually { try observed.gauge("num-snapshots") == 0 })
    try #require(try eventually { try observed.gauge("oldest-snapshot-age") == 0 })
    try store.close()
  }

  // MARK: The database

  @Test func flushesCompactionsAndSizesAreShown() throws {
    let gate = CompactionGate()
    var options = observed.options
    options.fileSystem = gate.fileSystem
    options.budget = MemoryBudget(bytes: 64 << 20)
    options.columnFamilyOptions = ["level0_file_num_compaction_trigger": "2"]
    let store = try directory.store(try directory.log(), options)
    try commit(0..<20, to: store)
    try #require(try eventually { try observed.gauge("waiting-bytes") ?? 0 > 20_000 })
    try #require(try eventually { try observed.gauge("memory-budget-used-bytes") ?? 0 > 20_000 })
    try store.flush()
    try #require(try eventually { try observed.gauge("waiting-bytes") == 0 })
    for number in 0..<3 {
      let before = try observed.counter("flush-total")
      try commit(number..<number + 20, to: store)
      try store.flush()
      #expect(try observed.counter("flush-total") >= before + 1)
    }
    try #require(try eventually { try observed.gauge("num-running-compactions") ?? 0 >= 1 })
    try #require(try eventually { try observed.gauge("estimate-pending-compaction-bytes") ?? 0 > 0 })
    gate.open()
    try #require(try eventually { try observed.counter("compaction-total") >= 1 })
    try #require(try eventually { try observed.gauge("num-running-compactions") == 0 })
    try #require(try eventually { try observed.gauge("live-sst-files-size") ?? 0 > 1000 })
    #expect(try store.snapshot().get(("row", 1), in: orders) == text)
    try #require(try eventually { try observed.gauge("block-cache-usage") ?? 0 > 0 })
    #expect(try observed.counter("background-errors") == 0)
    try store.close()
  }

  @Test func aWriteStallIsShownAndTimedAndLogged() throws {
    let gate = CompactionGate()
    var options = observed.options
    options.fileSystem = gate.fileSystem
    options.columnFamilyOptions = [
      "level0_file_num_compaction_trigger": "2", "level0_slowdown_writes_trigger": "10",
      "level0_stop_writes_trigger": "12",
    ]
    let store = try directory.store(try directory.log(), options)
    try #require(try eventually { try observed.gauge("write-stalled-tables") == 0 })
    // Compactions are held, and each flush adds a file to level 0.
    func flush(_ number: inout Int) throws {
      try commit(number..<number + 1, to: store)
      try store.flush()
      number += 1
    }
    var number = 0
    func flush(until message: String) throws {
      let last = number + 20
      while observed.messages(message).isEmpty, number < last { try flush(&number) }
    }
    // Files without common keys are moved down without passing the gate, which would end a stall: do this beforehand.
    for _ in 0..<4 { try flush(&number) }
    try #require(eventually { gate.hasArrivals })
    try flush(until: "writes are slowed down")
    try #require(try eventually { try observed.gauge("write-stalled-tables") ?? 0 >= 1 })
    try flush(until: "writes are stopped")
    #expect(try observed.timer("write-stall-duration").isEmpty)
    #expect(observed.messages("writes go on").isEmpty)
    gate.open()
    try #require(try eventually { try observed.gauge("write-stalled-tables") == 0 })
    try #require(eventually { !observed.messages("writes go on").isEmpty })
    let durations = try observed.timer("write-stall-duration")
    #expect(durations.count == 1 && durations.allSatisfy { $0 > 0 })
    #expect(observed.messages("writes are slowed down").map(\.level) == [.warning])
    #expect(observed.messages("writes are stopped").map(\.level) == [.warning])
    #expect(observed.messages("writes go on").map(\.level) == [.info])
    #expect(observed.messages("writes go on").first?.value("duration") != nil)
    try commit(100..<101, to: store)
    try store.close()
  }

  @Test func aBackgroundErrorIsCounted() throws {
    let changelog = RecordingChangelog(try directory.log())
    let store = try directory.store(changelog, observed.options)
    try commit(0..<1, to: store)
    var faults = RecordingChangelog.Faults()
    faults.sync = StoreError(.inputOutput, "planned")
    changelog.setFaults(faults)
    #expect(throws: StoreError.self) { try store.flush() }
    try #require(try eventually { try observed.counter("background-errors") >= 1 })
    #expect(throws: StoreError.self) { try store.close() }
  }

  // MARK: Factories

  @Test func withoutAFactoryNothingIsMeasured() throws {
    var options = observed.options
    options.metrics = NOOPMetricsHandler.instance
    let store = try directory.store(try directory.log(), options)
    #expect(try store.opened().observer.metrics == nil)
    try commit(0..<1, to: store)
    try store.close()
    #expect(observed.metrics.counters.isEmpty && observed.metrics.meters.isEmpty)
  }

  @Test func theFactoryOfTheMomentOfOpeningIsUsed() throws {
    var options = observed.options
    options.metrics = nil
    let store = try withMetricsFactory(observed.metrics) { try directory.store(try directory.log(), options) }
    try commit(0..<1, to: store)
    #expect(try observed.counter("commit-total") == 1)
    try store.close()
  }

  @Test func aStoreWithoutAChangelogIsNamedAfterItsDirectory() throws {
    let store = try StateStore.open(directory("totals"), tables: [balances], options: observed.options)
    try store.write { try $0.put("a", 1, in: balances) }
    let dimensions = [("store", directory("totals"))]
    #expect(try observed.metrics.expectCounter("tidemark.commit-total", dimensions).totalValue == 1)
    try store.close()
  }

  @Test func anOpenThatFailsLeavesNoGaugesAndTakesNoneOfAnother() throws {
    let store = try directory.store(try directory.log(), observed.options)
    let count = observed.metrics.meters.count
    _ = storeError(.locked) { _ = try directory.store(try directory.log(), observed.options, "another") }
    #expect(observed.metrics.meters.count == count)
    try store.close()
    let other = Table("balances", key: .string, value: .string)
    _ = storeError(.schemaMismatch) {
      _ = try StateStore.open(
        directory("store"), tables: [other], changelog: try directory.log(), options: observed.options)
    }
    #expect(observed.metrics.meters.isEmpty)
  }

  @Test func aClosedStoreTakesItsGaugesBack() throws {
    for isClosed in [true, false] {
      let store = try directory.store(try directory.log(), observed.options)
      try commit(0..<1, to: store)
      #expect(!observed.metrics.meters.isEmpty)
      if isClosed { try store.close() }
      _ = consume store
      #expect(observed.metrics.meters.isEmpty)
    }
    #expect(try observed.counter("commit-total") == 2)
  }
}
