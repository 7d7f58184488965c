import Testing
import TidemarkTesting

@testable import RocksDB
@testable import Tidemark

/// When runs are applied: events and times in, actions out.
@Suite struct ApplyScheduleTests {
  private let begin = ContinuousClock.now

  private func at(_ seconds: Double) -> ContinuousClock.Instant { begin.advanced(by: .seconds(seconds)) }

  private func schedule() -> ApplySchedule { ApplySchedule(lagLimitBytes: 1000, lagTime: .seconds(30)) }

  private func next(
    _ schedule: inout ApplySchedule, _ seconds: Double, _ stall: WriteStall = .none, patience: Duration = .seconds(1)
  ) -> ApplySchedule.Action {
    schedule.next(at: at(seconds), compactions: stall) { $0 ? patience : .zero }
  }

  @Test func nothingIsDueBeforeTheFirstCommit() {
    var schedule = schedule()
    #expect(next(&schedule, 0) == .wait(until: nil))
    #expect(next(&schedule, 1000) == .wait(until: nil))
  }

  @Test func aQuietStoreAppliesWithinTheTime() {
    var schedule = schedule()
    let isNews = schedule.committed(bytes: 1, at: at(5))
    #expect(isNews)
    let again = schedule.committed(bytes: 1, at: at(7))
    #expect(!again, "somebody waits for the first one already")
    #expect(next(&schedule, 8) == .wait(until: at(35)))
    #expect(next(&schedule, 35) == .apply)
  }

  @Test func aBusyStoreAppliesWithinTheBytes() {
    var schedule = schedule()
    _ = schedule.committed(bytes: 999, at: at(0))
    #expect(next(&schedule, 1) == .wait(until: at(30)))
    let isNews = schedule.committed(bytes: 1, at: at(1))
    #expect(isNews)
    #expect(next(&schedule, 1) == .apply)
  }

  @Test func headFollowsAnApplication() {
    var schedule = schedule()
    _ = schedule.committed(bytes: 2000, at: at(0))
    #expect(next(&schedule, 0) == .apply)
    schedule.applicationBegan(upTo: 1)
    schedule.applicationSucceeded()
    #expect(next(&schedule, 1) == .writeHead)
    #expect(next(&schedule, 1) == .wait(until: nil))
  }

  /// Seen to fail with: a request that stays until there is something to apply.
  @Test func whatWasAskedForIsDoneOnce() {
    var schedule = schedule()
    let (isNews, isNewsAgain) = (schedule.request(), schedule.request())
    #expect(isNews && !isNewsAgain)
    #expect(next(&schedule, 0) == .apply)
    #expect(next(&schedule, 0) == .wait(until: nil))
  }

  @Test func anApplicationWaitsForCompactionsThatAreBehindAndNoLongerThanItsPatience() {
    var schedule = schedule()
    schedule.request()
    #expect(next(&schedule, 0, .delayed) == .wait(until: at(0).advanced(by: .milliseconds(100))))
    #expect(next(&schedule, 0.95, .delayed) == .wait(until: at(1)))
    #expect(next(&schedule, 1, .delayed) == .apply)
    schedule.request()
    #expect(
      next(&schedule, 10, .delayed) == .wait(until: at(10).advanced(by: .milliseconds(100))),
      "each has a patience of its own")
    #expect(next(&schedule, 10.05, .none) == .apply)
  }

  /// Seen to fail with: a patience that also ends while RocksDB would stop writes.
  @Test func whileRocksDBWouldStopWritesNoneBegins() {
    var schedule = schedule()
    schedule.request()
    for second in 0..<100 {
      #expect(
        next(&schedule, Double(second), .stopped) == .wait(until: at(Double(second)).advanced(by: .milliseconds(100))))
    }
    #expect(next(&schedule, 100, .delayed) == .apply)
  }

  @Test func afterAFailureItIsTriedAgainLaterAndLater() {
    var schedule = schedule()
    _ = schedule.committed(bytes: 2000, at: at(0))
    var pauses: [Duration] = []
    var now = at(0)
    for failures in 1...12 {
      #expect(schedule.next(at: now, compactions: .none) { _ in .zero } == .apply)
      schedule.applicationBegan(upTo: 10)
      schedule.applicationFailed(at: now)
      #expect(schedule.failureCount == failures)
      guard case .wait(let again?) = schedule.next(at: now, compactions: .none, patience: { _ in .zero }) else {
        Issue.record("no time is named")
        return
      }
      pauses.append(now.duration(to: again))
      now = again
    }
    #expect(pauses == pauses.sorted() && pauses.first == .milliseconds(100) && pauses.last == .seconds(5))
    let lag = schedule.lagBytes(stored: 0)
    #expect(lag == 2000, "all of it still lags")
    #expect(schedule.next(at: now, compactions: .none) { _ in .zero } == .apply)
    schedule.applicationBegan(upTo: 10)
    schedule.applicationSucceeded()
    #expect(schedule.failureCount == 0)
  }

  @Test func theLagEndsWhereTheStoredOffsetIs() {
    var schedule = schedule()
    _ = schedule.committed(bytes: 100, at: at(0))
    schedule.applicationBegan(upTo: 10)
    _ = schedule.committed(bytes: 50, at: at(0))
    let both = schedule.lagBytes(stored: 9)
    #expect(both == 150)
    let rest = schedule.lagBytes(stored: 10)
    #expect(rest == 50)
  }

  /// Whatever happens in whatever order, commits are applied within the lag, unless RocksDB would stop writes or there
  /// is no space.
  @Test func whatIsCommittedIsAppliedInTimeInRandomHistories() {
    var random = SeededGenerator(seed: testSeed())
    for _ in 0..<300 {
      var schedule = schedule()
      var now = 0.0
      var oldest: Double?
      for _ in 0..<200 {
        now += Double.random(in: 0...8, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
          _ = schedule.committed(bytes: Int.random(in: 1...300, using: &random), at: at(now))
          oldest = oldest ?? now
        case 1: schedule.request()
        default: break
        }
        // The schedule is asked at the time that it named, or when there is news.
        loop: while true {
          switch next(&schedule, now, .none) {
          case .apply:
            schedule.applicationBegan(upTo: 1)
            schedule.applicationSucceeded()
            oldest = nil
          case .writeHead: continue
          case .wait(let until):
            if let oldest {
              #expect(until != nil && until! <= at(oldest + 30.001))
              #expect(now < oldest + 30.001)
            }
            break loop
          }
        }
      }
    }
  }
}
