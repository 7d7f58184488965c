internal import Foundation
internal import Glibc

/// The segment that a writer appends to.
final class ActiveSegment: Sendable {
  let base: Offset
  let path: String
  let file: any StorageFile
  let index: SegmentIndex

  init(base: Offset, path: String, file: any StorageFile, index: SegmentIndex) {
    self.base = base
    self.path = path
    self.file = file
    self.index = index
  }

  /// Creates an empty segment, whose name survives a loss of power.
  ///
  /// With `replacing`, it takes the place of an empty one, so that readers always find a file. After a throw there is
  /// no file of that name, or the one to be replaced, unless the error is `commitUnknown`.
  static func create(
    _ directory: LogDirectory, base: Offset, _ options: FileLogOptions, replacing: Bool = false
  ) throws(StoreError) -> ActiveSegment {
    let path = directory.path(base.value, "log")
    let temporary = path + ".tmp"
    guard let file = try directory.storage.open(replacing ? temporary : path, replacing ? .replace : .create) else {
      throw StoreError(.inputOutput, "a segment can't be created", ["file": path])
    }
    if replacing { try directory.storage.rename(temporary, to: path) }
    do throws(StoreError) {
      try directory.storage.syncDirectory(directory.path)
    } catch {
      // An empty segment that stays would hide what the one before is appended.
      do throws(StoreError) {
        try directory.storage.unlink(path)
        try directory.storage.syncDirectory(directory.path)
      } catch {
        throw StoreError(
          .commitUnknown, "a segment can't be taken back; reopen the store", ["file": path], cause: error)
      }
      throw error
    }
    let index = SegmentIndex(directory, base: base.value, intervalBytes: options.indexIntervalBytes)
    return ActiveSegment(base: base, path: path, file: file, index: index)
  }
}

/// The one writer of a file log.
///
/// A lock around a small state; reading, writing and syncing happen outside it. Three claims keep them apart: who
/// appends holds `appending`, who syncs holds `syncing`, and a failed sync holds `rewriting` until the tail is safe.
package final class FileLogWriter: ChangelogWriter, @unchecked Sendable {
  // Proof of `@unchecked Sendable`: `encoder` is touched only by the holder of `appending`; all else is immutable or
  // inside `state`.
  struct State: Sendable {
    var segment: ActiveSegment
    var position = 0
    var endOffset: Offset
    var lastReceipt: Receipt
    var durableOffset: Offset
    var durablePosition = 0
    var appending = false
    var syncing = false
    var rewriting = false
    var closed = false
    /// Why it takes no more.
    var failure: StoreError?
    /// When the oldest commit was appended that isn't durable, and the oldest one that the sync under way leaves out.
    var oldestUnsynced: UInt64?
    var oldestSinceSync: UInt64?
    var recoveryPoint: Offset
    var bytesSinceRecoveryPoint = 0
    var lock: (any StorageFile)?
  }

  package let epoch: Int32
  package let recovery: ChangelogRecovery
  let directory: LogDirectory
  let options: FileLogOptions
  let state: Mutex<State>
  var encoder = CommitEncoder()

  init(
    _ directory: LogDirectory, _ options: FileLogOptions, lock: any StorageFile, epoch: Int32, segment: ActiveSegment,
    lastReceipt: Receipt, recovery: ChangelogRecovery
  ) {
    self.directory = directory
    self.options = options
    self.epoch = epoch
    self.recovery = recovery
    state = Mutex(
      State(
        segment: segment, endOffset: segment.base, lastReceipt: lastReceipt, durableOffset: segment.base,
        recoveryPoint: segment.base, lock: lock))
  }

  deinit {
    // The thread that syncs may hold the state a little longer, and the lock with it.
    state.withLock { state in
      state.closed = true
      state.lock = nil
    }
    state.wake()
  }

  package var endOffset: Offset { state.withLock { $0.endOffset } }
  package var durableOffset: Offset { state.withLock { $0.durableOffset } }
  package var lastReceipt: Receipt { state.withLock { $0.lastReceipt } }
  var isClosed: Bool { state.withLock { $0.closed } }

  package func close() throws(StoreError) {
    if isClosed { throw Self.closedError }
    defer {
      state.wait(until: { !$0.appending && !$0.syncing && !$0.rewriting }) { state in
        state.closed = true
        state.lock = nil
      }
      state.wake()
    }
    try sync(recordingPoint: true)
    state.withLock { $0.segment }.index.flush(closing: true)
  }

  static let closedError = StoreError(.closed, "the changelog's writer is closed")

  // MARK: Append

  package func append(_ commit: borrowing Commit) throws(StoreError) -> AppendedCommit {
    if !commit.isStateAlone { try commit.checkCarried(by: options.capabilities) }
    let byteCount = try claimAppend(recordCount: commit.records.count) { encoder.measure(commit) }
    let claimed = state.withLock { $0 }
    let placement = CommitPlacement(
      baseOffset: claimed.endOffset, durableOffset: claimed.durableOffset, epoch: epoch,
      previousReceipt: claimed.lastReceipt, timestamp: wallClockMilliseconds())
    let receipt = encoder.encode(commit, placement)
    let appended = AppendedCommit(
      baseOffset: claimed.endOffset, endOffset: claimed.endOffset.advanced(by: Int64(commit.records.count) + 1),
      receipt: receipt)
    do throws(StoreError) {
      try write(commit.records.bytes, to: claimed.segment, at: claimed.position)
    } catch {
      state.withLock {
        $0.appending = false
        if error.kind == .commitUnknown { $0.failure = error }
      }
      state.wake()
      throw error
    }
    claimed.segment.index.add(
      lastOffset: appended.endOffset.value - 1, position: claimed.position, byteCount: byteCount,
      timestamp: placement.timestamp)
    let appendedAt = monotonicNanoseconds()
    state.withLock {
      $0.position += byteCount
      $0.endOffset = appended.endOffset
      $0.lastReceipt = receipt
      $0.bytesSinceRecoveryPoint += byteCount
      if $0.oldestUnsynced == nil { $0.oldestUnsynced = appendedAt }
      if $0.oldestSinceSync == nil { $0.oldestSinceSync = appendedAt }
      $0.appending = false
    }
    state.wake()
    try acknowledge()
    return appended
  }

  /// Waits for its turn, checks the size, and starts another segment if this one is full.
  ///
  /// Holds `appending` afterwards.
  private func claimAppend(recordCount: Int, measure: () -> Int) throws(StoreError) -> Int {
    var byteCount = 0
    while true {
      let needsRoll = try state.wait(until: { !$0.appending && !$0.rewriting }) { (state) throws(StoreError) in
        try Self.checkUsable(state)
        // With the commit's own: what was appended must not keep the log from being opened again.
        try checkOffset(state.endOffset.advanced(by: Int64(recordCount) + 1), state.segment.path)
        if byteCount == 0 {
          byteCount = measure()
          guard byteCount <= options.maxCommitBytes else {
            throw StoreError(
              .tooLarge, "a commit is larger than a batch may be; commit more often",
              ["bytes": byteCount, "greatest": options.maxCommitBytes])
          }
        }
        let full = state.position > 0 && state.position + byteCount > options.segmentBytes
        let relativeEnd = state.endOffset.value + Int64(recordCount) - state.segment.base.value
        let needsRoll = full || (state.position > 0 && relativeEnd > Int64(Int32.max))
        if !needsRoll || state.durableOffset == state.endOffset { state.appending = true }
        return needsRoll
      }
      if !needsRoll { return byteCount }
      if state.withLock({ $0.appending }) {
        try roll()
        return byteCount
      }
      // The existence of a segment says that everything below it is durable.
      try sync(recordingPoint: true)
    }
  }

  static func checkUsable(_ state: State) throws(StoreError) {
    if let failure = state.failure { throw failure }
    if state.closed { throw closedError }
  }

  /// Starts another segment at the end; everything below is durable, and `appending` is held, unless it throws.
  private func roll() throws(StoreError) {
    let (former, end) = state.withLock { ($0.segment, $0.endOffset) }
    do throws(StoreError) {
      try checkLock()
      let segment = try ActiveSegment.create(directory, base: end, options)
      former.index.flush(closing: true)
      state.withLock {
        $0.segment = segment
        $0.position = 0
        $0.durablePosition = 0
      }
    } catch {
      state.withLock {
        $0.appending = false
        if error.kind == .commitUnknown || error.kind == .fenced { $0.failure = error }
      }
      state.wake()
      switch error.kind {
      case .commitUnknown, .fenced, .outOfSpace: throw error
      default:
        throw StoreError(.unavailable, "not committed: the changelog can't start a segment", cause: error)
      }
    }
  }

  /// Writes the encoded head and the records, all or nothing.
  private func write(_ records: RawSpan, to segment: ActiveSegment, at position: Int) throws(StoreError) {
    let total = encoder.headBytes + records.byteCount
    var cause: StoreError?
    do throws(StoreError) {
      let written = try encoder.write(records, to: segment.file, at: position)
      if written == total { return }
    } catch {
      cause = error
    }
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
      try state.wait(until: { state in
        guard state.failure == nil, !state.closed, let oldest = state.oldestUnsynced else { return true }
        return monotonicNanoseconds() - oldest < limit
      }) { (state) throws(StoreError) in
        if let failure = state.failure { throw failure }
      }
    }
  }

  /// Starts the thread that syncs, if the durability asks for one.
  func startSyncing() {
    guard case .interval(let interval) = options.durability else { return }
    // Halfway, so that a sync is over, as a rule, before acknowledgements have to wait for it.
    let age = interval.nanoseconds / 2
    Thread.detachNewThread { [weak self, state] in
      while true {
        let isOver = state.wait(until: { $0.closed || $0.failure != nil || $0.oldestUnsynced != nil }) { state in
          state.closed || state.failure != nil
        }
        if isOver { return }
        let wait = state.withLock { state in
          state.oldestUnsynced.map { max(0, Int64($0 + age) - Int64(monotonicNanoseconds())) } ?? 0
        }
        if wait > 0 { state.wait(timeout: .nanoseconds(wait), until: { $0.closed || $0.failure != nil }) { _ in } }
        guard let self else { return }
        _ = try? self.sync(recordingPoint: false)
      }
    }
  }
}

/// Throws if no batch can start at an offset, which is then no end of a log either.
func checkOffset(_ offset: Offset, _ file: String) throws(StoreError) {
  if offset.value <= RecordBatchHeader.greatestBaseOffset { return }
  throw StoreError(
    .corrupted, "the offsets are used up, which takes longer than any log lasts; restore the file from a copy",
    ["file": file, "offset": offset])
}
