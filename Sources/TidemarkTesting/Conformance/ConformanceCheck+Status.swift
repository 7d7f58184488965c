internal import Changelog
internal import class Foundation.Thread

/// The status that a changelog reports while it is written.
extension ConformanceCheck {
  func durability() throws {
    let log = try make()
    let writer = try log.openWriter()
    var known = try log.offsets()
    for number in 0..<12 {
      let end = try append([number], to: writer)[0].endOffset
      known = try status(of: log, writer, after: known)
      try equal(known.end, end, "end after an append")
      guard number % 4 == 3 else { continue }
      try equal(try writer.sync(), end, "durable offset that sync returns")
      known = try status(of: log, writer, after: known)
      try equal(known.durable, end, "durable offset after a sync")
      try equal(writer.durableOffset, end, "the writer's durable offset after a sync")
    }
    let end = writer.endOffset
    try writer.close()
    let other = try reopen(log).offsets()
    try equal(other, ChangelogOffsets(start: 0, durable: end, end: end), "offsets after closing")
  }

  /// The status, checked against what is known.
  private func status(
    of log: any Changelog, _ writer: any ChangelogWriter, after known: ChangelogOffsets
  ) throws -> ChangelogOffsets {
    let found = try log.offsets()
    try expect(found.durable <= found.end, "the durable offset \(found.durable) lies beyond the end \(found.end)")
    try expect(found.durable >= known.durable, "the durable offset goes back from \(known.durable) to \(found.durable)")
    try expect(found.end >= known.end, "the end goes back from \(known.end) to \(found.end)")
    let durable = writer.durableOffset
    try expect(durable <= writer.endOffset, "the writer's durable offset \(durable) lies beyond its end")
    return found
  }

  func waiting() throws {
    let log = try make()
    let writer = try log.openWriter()
    let empty = try log.offsets()
    for timeout: Duration in [.zero, .milliseconds(50)] {
      let (found, elapsed) = try wait(for: log, from: empty, timeout: timeout)
      try equal(found, empty, "what came of \(timeout) without a change")
      try expect(elapsed >= timeout, "a wait for \(timeout) took \(elapsed) without a change")
    }
    try append([1], to: writer)
    // Returns long before the timeout, as the changelog has changed already.
    let appended = try wait(for: log, from: empty, timeout: conformance.patience * 1000).found
    try equal(appended.end, writer.endOffset, "the end that a late waiter sees")
    let more = try wait(for: log, from: appended, timeout: conformance.patience * 1000) { try append([2], to: writer) }
    try equal(more.found.end, writer.endOffset, "the end that a waiter sees after an append")
    let known = try log.offsets()
    guard known.durable < known.end else { return try writer.close() }
    let synced = try wait(for: log, from: known, timeout: conformance.patience * 1000) { try writer.sync() }
    try equal(synced.found.durable, known.end, "the durable offset that a waiter sees after a sync")
    try writer.close()
  }

  /// Waits on a separate thread, so that a waiter that isn't woken is a violation and doesn't hang the test.
  private func wait(
    for log: any Changelog, from known: ChangelogOffsets, timeout: Duration, during body: () throws -> Void = {}
  ) throws -> (found: ChangelogOffsets, elapsed: Duration) {
    let result = Mutex(Result<(ChangelogOffsets, Duration), StoreError>?.none)
    Thread.detachNewThread {
      let begin = ContinuousClock.now
      let outcome: Result<(ChangelogOffsets, Duration), StoreError>
      do throws(StoreError) {
        let found = try log.waitForChange(from: known, timeout: timeout)
        outcome = .success((found, begin.duration(to: .now)))
      } catch {
        outcome = .failure(error)
      }
      result.withLock { $0 = outcome }
      result.wake()
    }
    try body()
    guard let outcome = result.wait(timeout: conformance.patience, until: { $0 != nil }, { $0 }) else {
      throw violation("a waiter hasn't returned after \(conformance.patience), with a time-out of \(timeout)")
    }
    let (found, elapsed) = try outcome.get()
    return (found, elapsed)
  }
}
