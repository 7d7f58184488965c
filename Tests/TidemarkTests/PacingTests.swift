import Foundation
import Testing
import TidemarkTesting

@testable import Tidemark

/// Commits that come faster than the database takes them wait, for as long as there is something to wait for.
@Suite struct PacingTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// Seen to fail with: a wait that ends only where there is room, or where the store has failed.
  @Test func aCommitDoesNotWaitForAStoreThatIsClosed() throws {
    let log = RecordingChangelog(try directory.log())
    var options = StoreOptions.lazy
    options.waitingBytes = 1000
    let store = try directory.store(log, options)
    let gate = Gate()
    var faults = RecordingChangelog.Faults()
    faults.didAppend = { gate.pass() }
    log.setFaults(faults)
    // More than ever waits, and nobody brings it into the database any more.
    let commit = BackgroundCall {
      try store.write { try $0.put(("a", 1), String(repeating: "x", count: 10_000), in: orders) }
    }
    try #require(eventually { gate.hasArrivals })
    try store.close()
    gate.open()
    #expect(eventually { commit.isDone })
  }

  /// Seen to fail with: a rate that applications of nothing lower each time.
  @Test func applicationsOfNothingDoNotSlowCommitsDown() throws {
    var options = StoreOptions.lazy
    options.waitingBytes = 100_000
    let store = try directory.store(try directory.log(), options)
    let engine = try store.opened()
    var state = engine.committed
    var waiting = WaitingCommits(engine.database, options, state)
    func commit(_ bytes: Int) {
      var changes = IndexedBatch()
      if bytes > 0 { changes.put([1].rawSpan, [UInt8](repeating: 1, count: bytes).rawSpan, in: TableID(1)) }
      state.offset = Offset(state.offset.value + 1)
      waiting.add(&changes, state)
    }
    for _ in 0..<200 {
      commit(0)
      let application = waiting.beginApplication()
      if let application { waiting.end(application) }
      #expect(application != nil)
    }
    commit(250_000)
    let delay = waiting.delay(1000)
    #expect(delay.map { $0 > .zero && $0 < .milliseconds(1) } == true, "\(delay as Any)")
    commit(80_000)
    let trickle = waiting.delay(64 << 20)
    #expect(trickle.map { $0 < .seconds(60) } == true, "\(trickle as Any)")
  }

  /// Seen to fail with: a request that stays until there is something to flush, and the thread turned without a pause.
  @Test func whatWasAskedForIsDoneOnce() {
    let signals = MaintenanceSignals()
    signals.requestFlush()
    #expect(signals.next(lag: .seconds(60), deadline: nil).flush)
    #expect(!signals.next(lag: .seconds(60), deadline: .now).flush)
  }
}
