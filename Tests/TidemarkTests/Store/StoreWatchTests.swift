import Foundation
import Testing
import TidemarkTesting

@testable import Tidemark

/// A store's timed work goes on, whatever its disk does.
@Suite struct StoreWatchTests {
  let directory: TemporaryDirectory
  private let observed = Observed()

  init() throws { directory = try TemporaryDirectory() }

  /// Seen to fail with: snapshots that expire, and gauges that are published, on the applying thread.
  @Test func snapshotsExpireAndGaugesArePublishedWhileAnApplicationHangs() throws {
    let log = RecordingChangelog(try directory.log())
    var options = observed.options
    options.waitingBytes = 1000
    options.commitPatience = .milliseconds(1)
    options.snapshotExpiry = .milliseconds(20)
    let store = try directory.store(log, options)
    let gate = Gate()
    var faults = RecordingChangelog.Faults()
    faults.willSync = { gate.pass() }
    log.setFaults(faults)
    try store.write { try $0.put(("a", 1), String(repeating: "x", count: 3000), in: orders) }
    // On a thread that applies.
    try #require(eventually { gate.hasArrivals })
    // Jobs block the other threads as well.
    let jobs = (0..<8).map { _ in Scheduler.Job(on: .work) }
    for job in jobs {
      job.start {
        gate.pass()
        return nil
      }
    }
    defer {
      gate.open()
      for job in jobs { job.cancel() }
    }
    let begin = ContinuousClock.now
    let view = try store.snapshot()
    #expect(
      eventually {
        do throws(StoreError) { _ = try view.get("a", in: balances) } catch { return error.kind == .snapshotExpired }
        return false
      })
    let count = try observed.gauges("stored-lag-bytes").count
    #expect(try eventually { try observed.gauges("stored-lag-bytes").count > count + 3 })
    #expect(begin.duration(to: .now) < .seconds(20), "the gate opens by itself after half a minute")
    gate.open()
    log.setFaults(RecordingChangelog.Faults())
    try store.close()
  }

  /// Seen to fail with: a call for each snapshot; for each snapshot after one that is gone.
  @Test(arguments: [true, false]) func snapshotsWakeNobodyWhereSomebodyWillLook(_ areKept: Bool) throws {
    let store = try directory.store(try directory.log())
    let open = try store.opened()
    let views = ViewRegistry(expiry: .seconds(60))
    let wakeCount = Mutex(0)
    views.onFirst { wakeCount.withLock { $0 += 1 } }
    var now = ContinuousClock.now
    var kept: [View] = []
    func make(_ count: Int) throws {
      for _ in 0..<count {
        let (state, layers) = open.materializer.withViewLocked { ($0, $1) }
        let view = views.makeView(of: open.tables, state, layers, open.usage)
        if areKept { kept.append(view) }
      }
    }
    try make(1000)
    #expect(wakeCount.withLock { $0 } == 1)
    // The registry's caller, once woken, looks at once, and again at the time that `expire` returns.
    for _ in 0..<3 {
      let next = try #require(views.expire(at: now) { _, _ in })
      #expect(next <= now.advanced(by: .seconds(61)))
      now = next
      try make(1000)
      #expect(wakeCount.withLock { $0 } == 1)
    }
    kept = []
    // A store whose snapshots are gone isn't examined for ever.
    var looks = 0
    while let next = views.expire(at: now, { _, _ in }), looks < 10 {
      now = next
      looks += 1
    }
    #expect(looks <= 2)
    try make(10)
    #expect(wakeCount.withLock { $0 } == 2)
    try store.close()
  }
}
