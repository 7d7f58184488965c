import Foundation

/// A contender's run in progress: its clock, its counters so far, and its place among the runs that take turns with it.
final class Lap {
  let latencies: LatencyRecorder
  private let baton: Baton?
  private let place: Int
  let clock: LapClock
  /// The time on the clock.
  private(set) var nanoseconds: UInt64 = 0
  /// Bytes handed to the file system, by all threads of the process, while the clock ran.
  private(set) var writtenBytes = 0
  private var startedAt: UInt64 = 0
  private var writtenBefore = 0
  private var nextPause = 0

  /// Without a baton, the run has the machine to itself.
  init(_ latencies: LatencyRecorder, _ baton: Baton? = nil, place: Int = 0, clock: LapClock = .wall) {
    (self.latencies, self.baton, self.place, self.clock) = (latencies, baton, place, clock)
  }

  /// Whether other runs go on meanwhile.
  var isSliced: Bool { baton != nil }

  /// Starts the clock, or goes on with it.
  func start() {
    writtenBefore = ProcessCounters.writtenBytes
    startedAt = clock.time
  }

  /// Stops the clock, now or, if it counts wall time, as of an earlier time.
  func stop(at end: UInt64? = nil) {
    nanoseconds += (clock == .wall ? end ?? now() : clock.time) - startedAt
    writtenBytes += ProcessCounters.writtenBytes - writtenBefore
  }

  /// Lets the other runs of the turn go on, ten times in a run.
  @inline(__always)
  func pause(at record: Int, of count: Int) {
    if record == nextPause {
      nextPause += count / 10 + 1
      if record > 0 { pause() }
    }
  }

  private func pause() {
    guard let baton else { return }
    stop()
    baton.pass(from: place)
    start()
  }
}

/// Passed around among threads: only the thread that holds it runs.
///
/// Proof of `@unchecked Sendable`: `isRunning` belongs to the holder of the baton, and a semaphore separates it from
/// the next holder.
final class Baton: @unchecked Sendable {
  private let arrivals: [DispatchSemaphore]
  private var isRunning: [Bool]

  init(_ count: Int) {
    arrivals = (0..<count).map { _ in DispatchSemaphore(value: 0) }
    isRunning = Array(repeating: true, count: count)
  }

  /// Gives the baton to the first place; each place has a thread, or will have one.
  func start() { arrivals[0].signal() }

  /// Waits for the baton.
  func take(at place: Int) { arrivals[place].wait() }

  /// Passes the baton on and waits until it comes back.
  func pass(from place: Int) {
    guard let next = next(after: place), next != place else { return }
    arrivals[next].signal()
    take(at: place)
  }

  /// Passes the baton on for good.
  func leave(from place: Int) {
    isRunning[place] = false
    if let next = next(after: place) { arrivals[next].signal() }
  }

  private func next(after place: Int) -> Int? {
    (1...isRunning.count).map { (place + $0) % isRunning.count }.first { isRunning[$0] }
  }
}
