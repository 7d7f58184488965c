import Foundation
import QuietLogs
import Testing
import Torture

@Suite struct CrashSweepTests {
  @Test func tryOut() throws {
    _ = quietLogs
    let scratch = "/dev/shm/tidemark-torture-\(getpid())"
    let sweep = CrashSweep(seed: 1, in: scratch)
    let clock = ContinuousClock()
    var begin = clock.now
    let recording = try sweep.record()
    print("recorded", recording.stepCount, clock.now - begin)
    begin = clock.now
    let tally = try sweep.run(recording, part: 0, of: Int(ProcessInfo.processInfo.environment["OF"] ?? "100")!)
    print(tally.images, tally.imagesOfRecoveries, tally.fingerprints.count, clock.now - begin)
  }
}

@Suite struct FaultSweepTests {
  @Test func tryFaults() throws {
    _ = quietLogs
    let scratch = "/dev/shm/tidemark-torture-\(getpid())"
    let sweep = FaultSweep(in: scratch)
    let count = try sweep.countCalls()
    print("calls", count)
    var tally = FaultSweep.Tally()
    let begin = ContinuousClock.now
    for nth in stride(from: 1, through: count, by: Int(ProcessInfo.processInfo.environment["OF"] ?? "100")!) {
      for failure in FaultSweep.Failure.allCases {
        do { _ = try sweep.run(failing: nth, failure, in: "fault", &tally) } catch { print(error) }
      }
    }
    print(tally, ContinuousClock.now - begin)
  }

  @Test func tryHistories() throws {
    _ = quietLogs
    let scratch = "/dev/shm/tidemark-torture-\(getpid())-h"
    var tally = RandomHistory.Tally()
    let begin = ContinuousClock.now
    let first = UInt64(ProcessInfo.processInfo.environment["FIRST"] ?? "1")!
    for seed in first..<first + 30 {
      let history = RandomHistory(seed: seed)
      do { tally.add(try history.run(in: scratch)) } catch {
        print("seed", seed, error)
      }
    }
    print(tally, ContinuousClock.now - begin)
  }
}
