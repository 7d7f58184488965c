import Glibc

/// Nanoseconds of the monotonic clock.
@inline(__always)
func now() -> UInt64 {
  var time = timespec()
  // Proof: the call fills the structure it is given.
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// The quantity that a lap counts.
enum LapClock: String, Codable, Sendable, CaseIterable {
  /// Time that passes.
  case wall
  /// The processor time of all threads of the process: a lap's own cost, unaffected by other programs, but without the
  /// time spent waiting.
  case processor

  /// Nanoseconds.
  @inline(__always)
  var time: UInt64 {
    if self == .wall { return now() }
    var time = timespec()
    // Proof: the call fills the structure it is given.
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// Lets the calling thread sleep until a time of ``now()``.
///
/// For load at a fixed rate, whatever the store does: time is the only thing to wait for.
func sleep(until time: UInt64) {
  let nanoseconds = Int64(bitPattern: time &- now())
  if nanoseconds > 0 { usleep(UInt32(clamping: nanoseconds / 1000)) }
}

/// Lets the calling thread sleep for a while, as ``sleep(until:)`` does.
func sleep(seconds: Double) { sleep(until: now() + UInt64(seconds * 1e9)) }
