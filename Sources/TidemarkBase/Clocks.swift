internal import Glibc

extension Duration {
  /// Whole nanoseconds, 0 for a duration below zero; one of more than 290 years counts as that.
  package var nanoseconds: UInt64 {
    let (seconds, attoseconds) = min(max(self, .zero), .seconds(290 * 365 * 86_400)).components
    return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
  }
}

/// A clock that never goes back, not even when it is set.
package func monotonicNanoseconds() -> UInt64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Milliseconds since 1970-01-01 UTC, by the system's clock.
package func wallClockMilliseconds() -> Int64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_REALTIME, &time)
  return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}

/// Lets other threads run, where a short wait has no better end.
package func yieldProcessor() { sched_yield() }
