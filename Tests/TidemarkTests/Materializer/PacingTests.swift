import Foundation
import Testing
import TidemarkTesting

@testable import Tidemark

/// Commits that come faster than the database takes them wait, as long as there is a reason to wait.
@Suite struct PacingTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// Seen to fail with: a wait that ends only when there is room, or when the store has failed.
  ///
  /// Above four times the limit commits wait for room; between three and four times they go on at a trickle.
  @Test(arguments: [(waiting: 1000, value: 10_000), (waiting: 9 << 20, value: 30 << 20)])
  func aCommitDoesNotWaitForAStoreThatIsClosed(_ bytes: (waiting: Int, value: Int)) throws {
    let log = RecordingChangelog(try directory.log())
    var options = StoreOptions.lazy
    options.waitingBytes = bytes.waiting
    let store = try directory.store(log, options)
    let gate = Gate()
    var faults = RecordingChangelog.Faults()
    faults.didAppend = { gate.pass() }
    log.setFaults(faults)
    // No commit after the close is brought into the database.
    let commit = BackgroundCall {
      try store.write { try $0.put(("a", 1), String(repeating: "x", count: bytes.value), in: orders) }
    }
    try #require(eventually { gate.hasArrivals })
    try store.close()
    let begin = ContinuousClock.now
    gate.open()
    #expect(eventually { commit.isDone })
    // The trickle would take 15 seconds.
    #expect(begin.duration(to: .now) < .seconds(10))
  }

  /// Seen to fail with: a wait that ends only when there is room, or when the store has failed.
  @Test func aCommitWaitsNoLongerThanItsPatienceWhateverBecomesOfTheApplication() throws {
    let log = RecordingChangelog(try directory.log())
    var options = StoreOptions.lazy
    options.waitingBytes = 1000
    options.commitPatience = .milliseconds(20)
    let store = try directory.store(log, options)
    let gate = Gate()
    defer { gate.open() }
    var faults = RecordingChangelog.Faults()
    faults.willSync = { gate.pass() }
    log.setFaults(faults)
    let begin = ContinuousClock.now
    for number in Int64(0)..<10 {
      try store.write { try $0.put(("a", number), String(repeating: "x", count: 10_000), in: orders) }
      try #require(eventually { gate.hasArrivals })
    }
    #expect(begin.duration(to: .now) >= .milliseconds(20 * 9), "they wait at four times the limit")
    #expect(begin.duration(to: .now) < .seconds(20), "the gate opens by itself after half a minute")
    gate.open()
    log.setFaults(RecordingChangelog.Faults())
    try store.flush()
    try store.close()
  }

  /// Seen to fail with: a rate that each empty application lowers.
  @Test func applicationsOfNothingDoNotSlowCommitsDown() throws {
    var options = StoreOptions.lazy
    options.waitingBytes = 100_000
    let store = try directory.store(try directory.log(), options)
    let open = try store.opened()
    var state = open.committed
    var waiting = WaitingCommits(open.database, options, state)
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

  /// Seen to fail with: a patience that never grows; one that never shrinks again.
  @Test func applicationsWaitLongerTheLongerCompactionsAreBehind() throws {
    let store = try directory.store(try directory.log(), .lazy)
    let open = try store.opened()
    var state = open.committed
    var waiting = WaitingCommits(open.database, .lazy, state)
    var changes = IndexedBatch()
    state.offset = Offset(state.offset.value + 1)
    waiting.add(&changes, state)
    let application = waiting.beginApplication()
    if let application { waiting.end(application) }
    #expect(application != nil)
    let none = waiting.patience(isStalled: false)
    #expect(none == .zero)
    let first = waiting.patience(isStalled: true)
    #expect(first > .zero)
    var last = first
    for _ in 0..<15 {
      let next = waiting.patience(isStalled: true)
      #expect(next > last)
      last = next
    }
    let greatest = waiting.patience(isStalled: true)
    #expect(greatest == last && last > first * 10 && last < first * 16, "but not without end")
    let (over, again) = (waiting.patience(isStalled: false), waiting.patience(isStalled: true))
    #expect(over == .zero && again == first)
  }
}
