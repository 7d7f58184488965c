internal import Foundation
internal import Glibc

/// Runs jobs at a time or after a ``Job/wake()``, on threads that the whole process shares.
///
/// The number of threads is bounded, however many stores and logs there are. A job runs on one thread at a time; jobs
/// that are due take turns, in the order in which they became due.
package final class Scheduler: Sendable {
  /// For work that blocks on the disk: applying runs, writing `HEAD`.
  package static let work = Scheduler(
    "tidemark", greatestThreadCount: min(max(ProcessInfo.processInfo.activeProcessorCount, 2), 8))
  /// For jobs that must not wait for `work`: expiry of snapshots, metrics.
  ///
  /// Its jobs never block on the disk.
  package static let clock = Scheduler("tidemark-clock", greatestThreadCount: 1)
  /// For syncs of changelogs, which wait for the disk and are due soon.
  package static let sync = Scheduler("tidemark-sync", greatestThreadCount: 8)

  private enum Phase {
    /// Waits for its time, if it has one, or for a wake.
    case waiting(ContinuousClock.Instant?)
    case queued
    /// On a thread; `again`: it was woken meanwhile.
    case running(pthread_t, again: Bool)
    /// On a thread for the last time.
    case ending(pthread_t)
  }

  private struct Entry {
    let body: @Sendable () -> ContinuousClock.Instant?
    var phase: Phase
  }

  private struct State {
    var nextID: UInt64 = 0
    var entries: [UInt64: Entry] = [:]
    /// The jobs that are due, in their order.
    var queue: [UInt64] = []
    var threadCount = 0
    var idleCount = 0

    mutating func enqueue(_ id: UInt64) {
      entries[id]?.phase = .queued
      queue.append(id)
    }

    /// Queues jobs whose time has come; returns the time of the next job.
    mutating func enqueueDue(at now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
      var next: ContinuousClock.Instant?
      for (id, entry) in entries {
        guard case .waiting(let due?) = entry.phase else { continue }
        if due <= now { enqueue(id) } else { next = min(next ?? due, due) }
      }
      return next
    }
  }

  private let name: String
  private let greatestThreadCount: Int
  private let state = Mutex(State())

  package init(_ name: String, greatestThreadCount: Int) {
    self.name = name
    self.greatestThreadCount = greatestThreadCount
  }

  /// The number of threads; threads are created when jobs are due, and stay.
  package var threadCount: Int { state.withLock { $0.threadCount } }

  /// A job of a scheduler.
  package final class Job: Sendable {
    private let scheduler: Scheduler
    private let id: UInt64

    /// Creates a job that doesn't run before ``start(_:)``.
    package init(on scheduler: Scheduler) {
      self.scheduler = scheduler
      id = scheduler.state.withLock { state in
        state.nextID += 1
        return state.nextID
      }
    }

    /// Runs `body` soon, and again after each ``wake()`` and at the time that `body` returns.
    ///
    /// `body` is released after ``cancel()``.
    package func start(_ body: @escaping @Sendable () -> ContinuousClock.Instant?) {
      scheduler.change { state in
        state.entries[id] = Entry(body: body, phase: .waiting(nil))
        state.enqueue(id)
      }
    }

    /// Runs the job soon; a job that is running runs once more.
    ///
    /// Has no effect before ``start(_:)`` and after ``cancel()``.
    package func wake() { scheduler.wake(id) }

    /// Ends the job: on return it isn't running and never will, unless the job itself makes this call.
    package func cancel() { scheduler.cancel(id) }
  }

  private func wake(_ id: UInt64) {
    change { state in
      switch state.entries[id]?.phase {
      case .waiting: state.enqueue(id)
      case .running(let thread, again: _): state.entries[id]?.phase = .running(thread, again: true)
      case .queued, .ending, nil: break
      }
    }
  }

  private func cancel(_ id: UInt64) {
    // Freed after the lock is released: the body may hold the last reference to other jobs.
    let body: Any? = state.withLock { state in
      switch state.entries[id]?.phase {
      case .running(let thread, again: _):
        state.entries[id]?.phase = .ending(thread)
        return nil
      case .waiting, .queued:
        state.queue.removeAll { $0 == id }
        return state.entries.removeValue(forKey: id)
      case .ending, nil: return nil
      }
    }
    _ = body
    state.wait { state in
      guard case .ending(let thread) = state.entries[id]?.phase else { return .done(()) }
      return pthread_equal(thread, pthread_self()) != 0 ? .done(()) : .until(nil)
    }
  }

  /// Changes the state, and wakes or creates a thread that handles the change.
  private func change(_ body: (inout State) -> Void) {
    let needsThread = state.withLock { state in
      body(&state)
      return takeThread(&state)
    }
    if needsThread { startThread() }
    state.wake()
  }

  /// Whether another thread is needed and may be created; it counts from here on.
  ///
  /// With `watching`, a thread is needed that waits for the time of a job: a thread that runs a job doesn't watch the
  /// clock.
  private func takeThread(_ state: inout State, watching: Bool = false) -> Bool {
    let needed = state.queue.count + (watching ? 1 : 0)
    guard needed > state.idleCount, state.threadCount < greatestThreadCount else { return false }
    state.threadCount += 1
    return true
  }

  private func startThread() {
    let thread = Thread { [self] in run() }
    thread.name = name
    thread.start()
  }

  private func run() {
    let me = pthread_self()
    while true {
      let (id, body, needsThread) = next(me)
      if needsThread { startThread() }
      let due = body()
      ended(id, due)
    }
  }

  /// Waits for a job that is due, and takes it.
  private func next(
    _ me: pthread_t
  ) -> (id: UInt64, body: @Sendable () -> ContinuousClock.Instant?, needsThread: Bool) {
    var isIdle = false
    return state.wait { state in
      if isIdle { state.idleCount -= 1 }
      isIdle = false
      let due = state.enqueueDue(at: .now)
      guard !state.queue.isEmpty else {
        isIdle = true
        state.idleCount += 1
        return .until(due)
      }
      let id = state.queue.removeFirst()
      // Proof of `!`: a job that is queued has an entry, which `cancel` removes with its place in the queue.
      let body = state.entries[id]!.body
      state.entries[id]?.phase = .running(me, again: false)
      return .done((id, body, takeThread(&state, watching: due != nil)))
    }
  }

  private func ended(_ id: UInt64, _ due: ContinuousClock.Instant?) {
    let body: Any? = state.withLock { state in
      switch state.entries[id]?.phase {
      case .running(_, again: true): state.enqueue(id)
      case .running: state.entries[id]?.phase = .waiting(due)
      case .ending: return state.entries.removeValue(forKey: id)
      case .waiting, .queued, nil: break
      }
      return nil
    }
    _ = body
    state.wake()
  }
}
