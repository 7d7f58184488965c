extension FileLog {
  /// Waits until commits came or became durable, or until `timeout` has passed.
  ///
  /// While this value's own writer is open, an append or a sync wakes the waiter. Otherwise the log is written by another
  /// value or process, and its files are looked at every 20 ms.
  public func waitForChange(
    from known: ChangelogOffsets, timeout: Duration
  ) throws(StoreError) -> ChangelogOffsets {
    let deadline = ContinuousClock.now + min(timeout, .seconds(1 << 32))
    if let state = writerState {
      // Bounds that a deadline of the lock can hold.
      let left = max(.zero, ContinuousClock.now.duration(to: deadline))
      state.wait(
        timeout: left,
        until: {
          $0.log.closed || $0.log.endOffset != known.end || $0.log.durableOffset != known.durable
        }
      ) {
        _ in
      }
    }
    return try lookForChange(from: known, until: deadline, every: .milliseconds(20))
  }
}
