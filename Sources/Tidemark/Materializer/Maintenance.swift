internal import Changelog
internal import Foundation

/// What a store's maintenance thread is told.
///
/// RocksDB's callbacks hold this and not the store.
final class MaintenanceSignals: Sendable {
  private struct State {
    var isStopping = false
    var hasStopped = false
    /// A flush was asked for, by the budget or by lag.
    var wantsFlush = false
    /// A flush was completed since the last look.
    var hasFlushed = false
    /// The deadlines are to be looked at again.
    var isChanged = false
    /// What was committed since the last flush was started.
    var unflushedBytes = 0
    /// Where the commits of each flush that was started end, and what they take; without those known to be stored.
    var flushing: [(end: Offset, bytes: Int)] = []
    var firstUnflushedAt: ContinuousClock.Instant?
  }

  struct Work {
    var stop: Bool
    var flush: Bool
    var writeHead: Bool
  }

  private let state = Mutex(State())

  /// Bytes were committed; asks for a flush once there are `limit`, and answers whether one is asked for.
  @discardableResult
  func committed(bytes: Int, flushAt limit: Int) -> Bool {
    let (wakes, wantsFlush) = state.withLock { state in
      state.unflushedBytes += bytes
      var wakes = false
      if state.firstUnflushedAt == nil {
        state.firstUnflushedAt = .now
        state.isChanged = true
        wakes = true
      }
      if state.unflushedBytes >= limit, !state.wantsFlush {
        state.wantsFlush = true
        wakes = true
      }
      return (wakes, state.wantsFlush)
    }
    if wakes { state.wake() }
    return wantsFlush
  }

  /// What was committed so far, up to `end`, is on its way to table files.
  func flushStarted(upTo end: Offset) {
    state.withLock { state in
      if state.flushing.count == 8 {
        let oldest = state.flushing.removeFirst()
        state.flushing[0].bytes += oldest.bytes
      }
      state.flushing.append((end, state.unflushedBytes))
      state.wantsFlush = false
      state.unflushedBytes = 0
      state.firstUnflushedAt = nil
    }
  }

  /// At most how many bytes were committed behind the stored offset.
  func lagBytes(stored: Offset) -> Int {
    state.withLock { state in
      state.flushing.removeAll { $0.end <= stored }
      return state.flushing.reduce(state.unflushedBytes) { $0 + $1.bytes }
    }
  }

  func requestFlush() {
    state.withLock { $0.wantsFlush = true }
    state.wake()
  }

  func flushCompleted() {
    state.withLock { $0.hasFlushed = true }
    state.wake()
  }

  func wake() {
    state.withLock { $0.isChanged = true }
    state.wake()
  }

  /// Waits for something to do: a signal, the age `lag` of the first unflushed commit, or `deadline`.
  func next(lag: Duration, deadline: ContinuousClock.Instant?) -> Work {
    func due(_ state: State) -> ContinuousClock.Instant? {
      let flushAt = state.firstUnflushedAt?.advanced(by: lag)
      guard let flushAt, let deadline else { return flushAt ?? deadline }
      return min(flushAt, deadline)
    }
    let timeout = state.withLock { due($0) }.map { max(.zero, ContinuousClock.now.duration(to: $0)) }
    return state.wait(timeout: timeout) {
      $0.isStopping || $0.wantsFlush || $0.hasFlushed || $0.isChanged
    } _: { state in
      let isLate = state.firstUnflushedAt.map { $0.advanced(by: lag) <= .now } ?? false
      let work = Work(stop: state.isStopping, flush: state.wantsFlush || isLate, writeHead: state.hasFlushed)
      // All three: what was asked for once isn't done again and again, also where there turns out to be nothing to do.
      state.wantsFlush = false
      state.hasFlushed = false
      state.isChanged = false
      return work
    }
  }

  /// Whether the thread is to stop.
  var isStopping: Bool { state.withLock { $0.isStopping } }

  /// Makes the thread stop, and waits until it has.
  func stop() {
    state.withLock { $0.isStopping = true }
    state.wake()
    state.wait(until: { $0.hasStopped }) { _ in }
  }

  func stopped() {
    state.withLock { $0.hasStopped = true }
    state.wake()
  }
}

/// A store's thread: flushes before the stored offset lags too far, writes `HEAD` after flushes, ends old snapshots, publishes
/// gauges.
enum Maintenance {
  static func start(_ engine: Engine) {
    let signals = engine.signals
    let lag = engine.options.storedLagTime
    let (metrics, interval) = (engine.observer.metrics, engine.options.metricsInterval)
    let thread = Thread { [weak engine] in
      var deadline: ContinuousClock.Instant?
      var publishAt = ContinuousClock.now
      while true {
        let work = signals.next(lag: lag, deadline: deadline)
        guard !work.stop, let engine else { break }
        if work.flush { attempt(engine) { () throws(StoreError) in try engine.flush(wait: false) } }
        if work.writeHead {
          attempt(engine) { () throws(StoreError) in
            // An older HEAD is right, only less telling: without space the next flush writes it.
            do throws(StoreError) { try engine.writeHead() } catch {
              guard error.kind == .outOfSpace else { throw error }
              engine.observer.skippedHead(error)
            }
          }
        }
        deadline = engine.expireViews()
        if let metrics {
          if publishAt <= .now {
            metrics.gauges.publish(engine)
            publishAt = .now.advanced(by: max(interval, .milliseconds(1)))
          }
          deadline = min(deadline ?? publishAt, publishAt)
        }
      }
      signals.stopped()
    }
    thread.name = "tidemark"
    thread.start()
  }

  /// A store that can't be kept as promised takes no more writes; what it has acknowledged is in the log.
  private static func attempt(_ engine: Engine, _ body: () throws(StoreError) -> Void) {
    do throws(StoreError) { try body() } catch { engine.fail(error) }
  }
}
