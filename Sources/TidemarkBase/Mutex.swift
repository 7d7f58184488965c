internal import Glibc

/// The one lock of the library: a `pthread_mutex` around a value.
///
/// `Synchronization.Mutex` is not used because the thread sanitizer reports false races through it on Linux. Never hold
/// it across a C call that calls back. The value must have at least one byte, so it can't be `Void`: the thread
/// sanitizer takes an access to an empty value for an access to the object's header, which other threads read without
/// the lock.
@safe
package final class Mutex<Value: ~Copyable>: @unchecked Sendable {
  // Proof of `@unchecked Sendable`: `value` is touched only between lock and unlock.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  // Unchecked, as the lock excludes overlapping access. Proof: as above; `body` can use the value only through its
  // parameter.
  @safe @exclusivity(unchecked) private var value: Value

  package init(_ value: consuming sending Value) {
    self.value = value
    unsafe mutex = .allocate(capacity: 1)
    unsafe condition = .allocate(capacity: 1)
    unsafe pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    unsafe pthread_condattr_init(&attributes)
    unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    unsafe pthread_cond_init(condition, &attributes)
    unsafe pthread_condattr_destroy(&attributes)
  }

  deinit {
    unsafe pthread_cond_destroy(condition)
    unsafe pthread_mutex_destroy(mutex)
    unsafe condition.deallocate()
    unsafe mutex.deallocate()
  }

  /// Runs `body` with the value while it holds the lock.
  package func withLock<R: ~Copyable, E: Error>(_ body: (inout Value) throws(E) -> R) throws(E) -> R {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return try body(&value)
  }

  /// The next action of a waiter.
  package enum Wait<R> {
    /// It has what it waited for.
    case done(R)
    /// It looks again after a ``wake()``, or at the time, if there is one.
    case until(ContinuousClock.Instant?)
  }

  /// Calls `look` with the lock held, again after each ``wake()`` and at the time that it returned, until it is done.
  package func wait<R, E: Error>(_ look: (inout Value) throws(E) -> Wait<R>) throws(E) -> R {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    while true {
      switch try look(&value) {
      case .done(let result): return result
      case .until(nil): unsafe pthread_cond_wait(condition, mutex)
      case .until(let instant?):
        var deadline = Self.deadline(after: ContinuousClock.now.duration(to: instant))
        unsafe pthread_cond_timedwait(condition, mutex, &deadline)
      }
    }
  }

  /// Waits, with the lock released meanwhile, until `holds` or `timeout` has passed, then runs `body`.
  ///
  /// The condition is checked again after each ``wake()``. Returns the result of `body`, in both cases.
  package func wait<R, E: Error>(
    timeout: Duration? = nil, until holds: (inout Value) -> Bool, _ body: (inout Value) throws(E) -> R
  ) throws(E) -> R {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    if let timeout {
      var deadline = Self.deadline(after: timeout)
      while !holds(&value) {
        if unsafe pthread_cond_timedwait(condition, mutex, &deadline) == ETIMEDOUT { break }
      }
    } else {
      while !holds(&value) { unsafe pthread_cond_wait(condition, mutex) }
    }
    return try body(&value)
  }

  /// The time on the condition's clock after a duration; more than a year counts as a year.
  private static func deadline(after duration: Duration) -> timespec {
    var deadline = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &deadline)
    let (seconds, attoseconds) = min(max(duration, .zero), .seconds(365 * 86_400)).components
    let nanoseconds = Int(deadline.tv_nsec) + Int(attoseconds / 1_000_000_000)
    deadline.tv_sec += Int(seconds) + nanoseconds / 1_000_000_000
    deadline.tv_nsec = nanoseconds % 1_000_000_000
    return deadline
  }

  /// Makes every waiter check its condition again.
  package func wake() { unsafe pthread_cond_broadcast(condition) }
}
