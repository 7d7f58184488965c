import Foundation
import Testing
import TidemarkBase
import struct Synchronization.Atomic

/// Jobs on shared threads.
@Suite struct SchedulerTests {
  /// Counts runs and waits for them, with a bound far beyond the time that they take.
  private final class Probe: Sendable {
    private let runs = Mutex(0)
    private let gate = Mutex(true)

    func run() {
      gate.wait(until: { $0 }) { _ in }
      runs.withLock { $0 += 1 }
      runs.wake()
    }

    func close() { gate.withLock { $0 = false } }
    func open() {
      gate.withLock { $0 = true }
      gate.wake()
    }

    /// Waits for `count` runs; returns how many there are.
    func wait(for count: Int) -> Int { runs.wait(timeout: .seconds(60), until: { $0 >= count }) { $0 } }
    var count: Int { runs.withLock { $0 } }
  }

  @Test func aJobRunsAtItsStartAndWhenItIsWoken() {
    let scheduler = Scheduler("test", greatestThreadCount: 2)
    let probe = Probe()
    let job = Scheduler.Job(on: scheduler)
    job.start {
      probe.run()
      return nil
    }
    #expect(probe.wait(for: 1) == 1)
    job.wake()
    #expect(probe.wait(for: 2) == 2)
    job.cancel()
    job.wake()
    #expect(probe.count == 2)
  }

  @Test func aJobRunsAtTheTimeThatItNames() {
    let scheduler = Scheduler("test", greatestThreadCount: 1)
    let probe = Probe()
    let job = Scheduler.Job(on: scheduler)
    job.start {
      probe.run()
      return probe.count < 3 ? .now.advanced(by: .milliseconds(1)) : nil
    }
    #expect(probe.wait(for: 3) == 3)
    job.cancel()
  }

  /// Seen to fail with: a wake that is dropped while the job runs.
  @Test func aJobThatIsWokenWhileItRunsRunsOnceMore() {
    let scheduler = Scheduler("test", greatestThreadCount: 2)
    let probe = Probe()
    let arrived = Probe()
    probe.close()
    let job = Scheduler.Job(on: scheduler)
    job.start {
      arrived.run()
      probe.run()
      return nil
    }
    #expect(arrived.wait(for: 1) == 1)
    job.wake()
    job.wake()
    probe.open()
    #expect(probe.wait(for: 2) == 2)
    job.cancel()
    #expect(probe.count == 2)
  }

  /// Seen to fail with: a cancel that doesn't wait.
  @Test func afterCancelTheJobDoesNotRun() {
    let scheduler = Scheduler("test", greatestThreadCount: 2)
    for _ in 0..<200 {
      let probe = Probe()
      let job = Scheduler.Job(on: scheduler)
      let flags = Flags()
      job.start {
        if flags.isOver.load(ordering: .sequentiallyConsistent) {
          flags.ranAfter.store(true, ordering: .sequentiallyConsistent)
        }
        probe.run()
        return .now
      }
      _ = probe.wait(for: 3)
      job.cancel()
      flags.isOver.store(true, ordering: .sequentiallyConsistent)
      let count = probe.count
      // Other jobs have their turn meanwhile.
      let other = Scheduler.Job(on: scheduler)
      let turn = Probe()
      other.start {
        turn.run()
        return nil
      }
      #expect(turn.wait(for: 1) == 1)
      other.cancel()
      let ranAfter = flags.ranAfter.load(ordering: .sequentiallyConsistent)
      #expect(!ranAfter)
      #expect(probe.count == count)
    }
  }

  private final class Flags: Sendable {
    let isOver = Atomic<Bool>(false)
    let ranAfter = Atomic<Bool>(false)
  }

  @Test func aJobMayCancelItself() {
    let scheduler = Scheduler("test", greatestThreadCount: 1)
    let probe = Probe()
    let job = Scheduler.Job(on: scheduler)
    job.start {
      probe.run()
      job.cancel()
      return .now
    }
    #expect(probe.wait(for: 1) == 1)
    let other = Scheduler.Job(on: scheduler)
    let after = Probe()
    other.start {
      after.run()
      return nil
    }
    #expect(after.wait(for: 1) == 1)
    #expect(probe.count == 1)
    other.cancel()
  }

  @Test func threadsAreBoundedHoweverManyJobsThereAre() {
    let scheduler = Scheduler("test", greatestThreadCount: 3)
    let probe = Probe()
    let jobs = (0..<200).map { _ in Scheduler.Job(on: scheduler) }
    for job in jobs {
      job.start {
        probe.run()
        return nil
      }
    }
    #expect(probe.wait(for: 200) == 200)
    #expect((1...3).contains(scheduler.threadCount))
    for job in jobs { job.cancel() }
  }

  /// Seen to fail with: a clock that nobody checks while all existing threads run jobs, though more could be started.
  @Test func aJobThatBlocksDoesNotKeepTheTimesOfOthers() {
    let scheduler = Scheduler("test", greatestThreadCount: 2)
    let (timed, blocked) = (Probe(), Probe())
    let second = Scheduler.Job(on: scheduler)
    second.start {
      timed.run()
      return timed.count < 2 ? .now.advanced(by: .milliseconds(200)) : nil
    }
    #expect(timed.wait(for: 1) == 1)
    blocked.close()
    let first = Scheduler.Job(on: scheduler)
    first.start {
      blocked.run()
      return nil
    }
    #expect(timed.wait(for: 2) == 2)
    #expect(blocked.count == 0)
    blocked.open()
    #expect(blocked.wait(for: 1) == 1)
    first.cancel()
    second.cancel()
  }

  /// Seen to fail with: one thread however many jobs are due.
  @Test func aJobThatBlocksDoesNotKeepTheOthersWaiting() {
    let scheduler = Scheduler("test", greatestThreadCount: 2)
    let blocked = Probe()
    blocked.close()
    let first = Scheduler.Job(on: scheduler)
    first.start {
      blocked.run()
      return nil
    }
    let probe = Probe()
    let second = Scheduler.Job(on: scheduler)
    second.start {
      probe.run()
      return nil
    }
    #expect(probe.wait(for: 1) == 1)
    blocked.open()
    #expect(blocked.wait(for: 1) == 1)
    first.cancel()
    second.cancel()
  }
}
