import Glibc

/// Nanoseconds of the monotonic clock.
@inline(__always)
func now() -> UInt64 {
  var time = timespec()
  // Proof: the call fills the structure it is given.
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
