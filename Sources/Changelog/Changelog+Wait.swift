internal import Glibc

extension ChangelogOffsets {
  /// Whether a waiter that knows `known` has something to do: commits came, became durable, or were lost with the power.
  func hasMoved(from known: ChangelogOffsets) -> Bool { end != known.end || durable != known.durable }
}

extension Changelog {
  /// Looks at the offsets at intervals until they are others than those that are known, or the deadline has passed.
  func lookForChange(
    from known: ChangelogOffsets, until deadline: ContinuousClock.Instant, every interval: Duration
  ) throws(StoreError) -> ChangelogOffsets {
    while true {
      let found = try offsets()
      if found.hasMoved(from: known) { return found }
      let left = ContinuousClock.now.duration(to: deadline)
      guard left > .zero else { return found }
      // Another process may be the writer: there is nothing to wait for but time.
      usleep(UInt32(clamping: min(interval, left).nanoseconds / 1000 + 1))
    }
  }
}
