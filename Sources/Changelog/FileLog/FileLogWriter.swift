/// The one writer of a file log.
///
/// A lock guards a small state (``LogWriterState``); reads, writes and syncs run outside of the lock.
package final class FileLogWriter: ChangelogWriter, @unchecked Sendable {
  // Proof of `@unchecked Sendable`: `encoder` is used only by the thread that holds `appending`, or under the lock by a
  // thread that may claim it; all else is immutable or inside `state`.
  struct State: Sendable {
    var log: LogWriterState
    var segment: ActiveSegment
    /// The lock file, while the writer is open.
    var lock: (any StorageFile)?

    mutating func close() {
      log.close()
      lock = nil
    }
  }

  package let recovery: ChangelogRecovery
  let writerEpoch: WriterEpoch
  let directory: LogDirectory
  let options: FileLogOptions
  let state: Mutex<State>
  // Unchecked, as the claim is the check. Proof: as above.
  @safe @exclusivity(unchecked) var encoder = CommitEncoder()
  /// Syncs by the interval; it is woken by an append when all earlier commits are durable.
  private let syncJob = Scheduler.Job(on: .sync)

  init(
    _ directory: LogDirectory, _ options: FileLogOptions, lock: any StorageFile, _ writerEpoch: WriterEpoch,
    _ opened: (segment: ActiveSegment, byteCount: Int), endOffset: Offset, lastReceipt: Receipt,
    recovery: ChangelogRecovery
  ) {
    self.directory = directory
    self.options = options
    self.writerEpoch = writerEpoch
    self.recovery = recovery
    let log = LogWriterState(
      segmentBase: opened.segment.base, position: opened.byteCount, endOffset: endOffset, lastReceipt: lastReceipt,
      segmentBytes: options.segmentBytes)
    state = Mutex(State(log: log, segment: opened.segment, lock: lock))
  }

  deinit {
    syncJob.cancel()
    // Acknowledged commits become durable within the interval even if the writer is released without being closed.
    if case .interval = options.durability { _ = try? sync(recordingPoint: false) }
    // A waiter for a change may keep the state, and with it the lock file, alive a little longer.
    state.withLock { $0.close() }
    state.wake()
  }

  package var epoch: Int32 { writerEpoch.epoch }
  package var endOffset: Offset { state.withLock { $0.log.endOffset } }
  package var durableOffset: Offset { state.withLock { $0.log.durableOffset } }
  package var lastReceipt: Receipt { state.withLock { $0.log.lastReceipt } }
  var isClosed: Bool { state.withLock { $0.log.closed } }

  package func close() throws(StoreError) {
    guard state.withLock({ $0.log.beginClose() }) else { throw Self.closedError }
    defer {
      state.wait(until: { $0.log.isIdle }) { $0.close() }
      state.wake()
      syncJob.cancel()
    }
    // Commits that are being appended are synced as well.
    state.wait(until: { !$0.log.appending }) { _ in }
    try sync(recordingPoint: true)
    state.withLock { $0.segment }.index.flush(closing: true)
  }

  /// Notes that the store needs no commits below an offset: a segment with only such commits is soon followed by
  /// another.
  func unneeded(below offset: Offset) { state.withLock { $0.log.unneeded(below: offset) } }

  static let closedError = StoreError(.closed, "the changelog's writer is closed")

  // MARK: Append

  package func append(_ commit: borrowing Commit) throws(StoreError) -> AppendedCommit {
    if !commit.isStateAlone { try commit.checkCarried(by: options.capabilities) }
    let (segment, place, byteCount) = try claimAppend(recordCount: commit.records.count) { encoder.measure(commit) }
    let placement = CommitPlacement(
      baseOffset: place.offset, durableOffset: place.durableOffset, epoch: epoch,
      previousReceipt: place.previousReceipt, timestamp: wallClockMilliseconds())
    let receipt = encoder.encode(commit, placement)
    let appended = AppendedCommit(
      baseOffset: place.offset, endOffset: place.offset.advanced(by: Int64(commit.records.count) + 1), receipt: receipt)
    do throws(StoreError) {
      try write(commit.records.bytes, to: segment, at: place.position)
      // Before any thread sees the commit.
      try writerEpoch.check()
    } catch {
      state.withLock { $0.log.appendFailed(error) }
      state.wake()
      throw error
    }
    segment.index.add(
      lastOffset: appended.endOffset.value - 1, position: place.position, byteCount: byteCount,
      timestamp: placement.timestamp)
    let now = monotonicNanoseconds()
    let isFirst = state.withLock {
      $0.log.appended(byteCount: byteCount, endOffset: appended.endOffset, receipt: receipt, at: now)
    }
    state.wake()
    if isFirst, case .interval = options.durability { syncJob.wake() }
    try acknowledge()
    return appended
  }

  /// Waits for its turn, checks the size, and starts another segment if this one is full.
  ///
  /// Holds `appending` afterwards.
  private func claimAppend(
    recordCount: Int, measure: () -> Int
  ) throws(StoreError) -> (ActiveSegment, LogWriterState.Place, byteCount: Int) {
    var byteCount = 0
    while true {
      let (segment, step) = try state.wait(until: { !$0.log.keepsAppendsWaiting }) {
        (state) throws(StoreError) -> (ActiveSegment, LogWriterState.AppendStep) in
        try state.log.checkTakesAppends()
        if byteCount == 0 {
          byteCount = measure()
          guard byteCount <= options.maxCommitBytes else {
            throw StoreError(
              .tooLarge, "a commit is larger than a batch may be; commit more often",
              ["bytes": byteCount, "greatest": options.maxCommitBytes])
          }
        }
        // Including the commit's own offset: an appended commit must not make the next open of the log fail.
        try checkOffset(state.log.endOffset.advanced(by: Int64(recordCount) + 1), state.segment.path)
        return (state.segment, state.log.beginAppend(byteCount: byteCount, recordCount: recordCount))
      }
      switch step {
      case .write(let place): return (segment, place, byteCount)
      case .roll(let end):
        let (segment, place) = try roll(from: segment, at: end)
        return (segment, place, byteCount)
      case .sync: try sync(recordingPoint: true)
      case .refused(let error): throw error
      case .wait: continue
      }
    }
  }

  /// Starts another segment at the end; `appending` is held, unless it throws.
  private func roll(
    from former: ActiveSegment, at end: Offset
  ) throws(StoreError) -> (ActiveSegment, LogWriterState.Place) {
    do throws(StoreError) {
      let segment = try whileWriting { () throws(StoreError) in
        try ActiveSegment.create(directory, base: end, options)
      }
      former.index.flush(closing: true)
      let place = state.withLock { state in
        state.segment = segment
        return state.log.rolled()
      }
      return (segment, place)
    } catch {
      state.withLock { $0.log.appendFailed(error) }
      state.wake()
      switch error.kind {
      case .commitUnknown, .fenced, .outOfSpace: throw error
      default:
        throw StoreError(.unavailable, "not committed: the changelog can't start a segment", cause: error)
      }
    }
  }

  /// Writes the encoded header and the records, all or nothing.
  private func write(_ records: RawSpan, to segment: ActiveSegment, at position: Int) throws(StoreError) {
    let total = encoder.headBytes + records.byteCount
    var cause: StoreError?
    do throws(StoreError) {
      let written = try encoder.write(records, to: segment.file, at: position)
      if written == total { return }
    } catch {
      cause = error
    }
    // A deposed writer must not truncate its failed write: its batches are ignored, and the file may be the
    // successor's.
    try writerEpoch.check()
    do throws(StoreError) {
      try segment.file.truncate(to: position)
    } catch {
      throw StoreError(
        .commitUnknown, "an append failed and can't be taken back; reopen the store",
        ["file": segment.path, "position": position], cause: error)
    }
    guard let cause else {
      throw StoreError(
        .outOfSpace, "not committed: only a part of the commit could be written; make room, then try again",
        ["file": segment.path, "bytes": total])
    }
    if cause.kind == .outOfSpace {
      throw StoreError(
        .outOfSpace, "not committed: no space for the commit; make room, then try again",
        ["file": segment.path, "bytes": total], cause: cause)
    }
    throw StoreError(
      .unavailable, "not committed: the changelog can't be written", ["file": segment.path], cause: cause)
  }

  /// Waits until an appended commit may be acknowledged.
  private func acknowledge() throws(StoreError) {
    switch options.durability {
    case .os: return
    case .sync: try sync(recordingPoint: false)
    case .interval(let interval):
      let limit = interval.nanoseconds
      var result = Result<Bool, StoreError>.success(false)
      state.wait(until: { state in
        result = Result { () throws(StoreError) in
          try state.log.acknowledges(limit: limit, at: monotonicNanoseconds())
        }
        if case .success(false) = result { return false }
        return true
      }) { _ in }
      _ = try result.get()
    }
  }

  /// Starts the background sync, if the durability is `.interval`.
  func startSyncing() {
    guard case .interval(let interval) = options.durability else { return }
    // Halfway, so that a sync usually ends before acknowledgements must wait for it.
    let age = interval.nanoseconds / 2
    syncJob.start { [weak self] in self?.syncByInterval(age) }
  }

  /// Syncs commits of the age `age`, in nanoseconds, or older; returns the time of the next sync, `nil` if all is
  /// durable.
  private func syncByInterval(_ age: UInt64) -> ContinuousClock.Instant? {
    while true {
      switch state.withLock({ $0.log.interval(age: age, at: monotonicNanoseconds()) }) {
      case .end, .wait: return nil
      case .waitFor(let nanoseconds): return .now.advanced(by: .nanoseconds(nanoseconds))
      case .sync: _ = try? sync(recordingPoint: false, for: .interval)
      }
    }
  }
}

/// Throws if no batch can start at an offset; such an offset can't be the end of a log either.
func checkOffset(_ offset: Offset, _ file: String) throws(StoreError) {
  if offset.value <= RecordBatchHeader.greatestBaseOffset { return }
  throw StoreError(
    .corrupted, "the offsets are used up, which takes longer than any log lasts; restore the file from a copy",
    ["file": file, "offset": offset])
}
