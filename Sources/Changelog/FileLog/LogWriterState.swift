/// The state machine of a file log's writer: what is appended and durable, and which threads are at work.
///
/// It has no files, lock or clock.
///
/// Three claims keep threads apart. A thread that appends holds `appending`; a thread that syncs holds `syncing`; after
/// a failed sync the thread also holds `rewriting` until the tail is safe, and no thread appends meanwhile. Each call
/// is an event, made under the writer's lock, and returns the next action of its thread. `wait` means: call again after
/// the next event.
///
/// Invariants: `segmentBase` ≤ `durableOffset` ≤ `endOffset`, and `recoveryPoint` ≤ `durableOffset`; `rewriting`
/// implies `syncing` and excludes `appending`; a failure is permanent, and a failure that leaves a caller's commit
/// unknown isn't hidden by another.
package struct LogWriterState: Sendable {
  /// The place of a commit.
  package struct Place: Sendable, Equatable {
    package var offset: Offset
    package var position: Int
    package var previousReceipt: Receipt
    package var durableOffset: Offset
  }

  /// The next action of an append.
  package enum AppendStep: Sendable, Equatable {
    case wait
    /// Write there; `appending` is claimed.
    case write(Place)
    /// Start another segment at the offset, below which all is durable; `appending` is claimed.
    case roll(Offset)
    /// Sync, so that another segment can be started, and ask again.
    case sync
    case refused(StoreError)
  }

  /// The range that a sync covers.
  package struct SyncRange: Sendable, Equatable {
    package var durableOffset: Offset
    package var endOffset: Offset
    package var position: Int
    package var isEmpty: Bool { durableOffset == endOffset }
  }

  /// The next action of a sync.
  package enum SyncStep: Sendable, Equatable {
    case wait
    case done
    /// Sync the segment; `syncing` is claimed.
    case sync(SyncRange)
    case refused(StoreError)
  }

  /// The caller of a sync.
  package enum SyncCaller: Sendable {
    /// A thread that waits for it.
    case caller
    /// The sync by the interval: only commits that aren't acknowledged yet depend on it.
    case interval
  }

  /// The next action of the sync by the interval.
  package enum IntervalStep: Sendable, Equatable {
    case end
    /// Until there is a commit to sync.
    case wait
    case waitFor(nanoseconds: UInt64)
    case sync
  }

  private struct Failure: Sendable {
    var error: StoreError
    /// It came from a sync by the interval.
    var isOfInterval: Bool
  }

  /// A segment of this size is full: another one follows.
  private let segmentBytes: Int

  package private(set) var segmentBase: Offset
  /// The position of the next batch in the segment.
  package private(set) var position: Int
  package private(set) var endOffset: Offset
  package private(set) var lastReceipt: Receipt
  package private(set) var durableOffset: Offset
  package private(set) var durablePosition: Int
  package private(set) var recoveryPoint: Offset
  package private(set) var bytesSinceRecoveryPoint = 0
  /// The store needs no commits below this offset.
  package private(set) var unneededBelow = Offset.zero

  package private(set) var appending = false
  package private(set) var syncing = false
  package private(set) var rewriting = false
  package private(set) var closing = false
  package private(set) var closed = false
  private var failure: Failure?

  /// The append time of the oldest commit that isn't durable, and of the oldest one that the running sync doesn't
  /// cover.
  package private(set) var oldestUnsynced: UInt64?
  private var oldestSinceSync: UInt64?

  /// Begins in a segment, all of which is durable.
  package init(segmentBase: Offset, position: Int, endOffset: Offset, lastReceipt: Receipt, segmentBytes: Int) {
    self.segmentBase = segmentBase
    self.position = position
    self.endOffset = endOffset
    self.lastReceipt = lastReceipt
    self.segmentBytes = segmentBytes
    durableOffset = endOffset
    durablePosition = position
    recoveryPoint = endOffset
  }

  // MARK: Failures

  /// Why the writer takes no more appends.
  package var failureKind: StoreError.Kind? { failure?.error.kind }

  /// The error of calls that begin after the failure: nothing of theirs is in the log.
  ///
  /// A failed sync by the interval leaves no commit of these callers unknown.
  private var refusal: StoreError? {
    guard let failure else { return closed ? FileLogWriter.closedError : nil }
    guard failure.isOfInterval, failure.error.kind != .fenced else { return failure.error }
    return StoreError(
      .failed, "a sync of the changelog failed, and it takes no more commits; fix the cause and reopen the store",
      cause: failure.error)
  }

  /// Records why the writer takes no more appends.
  ///
  /// The first error stays, unless only the next one reports an unknown commit.
  private mutating func fail(_ error: StoreError, isOfInterval: Bool = false) {
    if let failure, isOfInterval || !failure.isOfInterval { return }
    failure = Failure(error: error, isOfInterval: isOfInterval)
  }

  // MARK: Appends

  /// Throws unless the writer takes appends.
  package func checkTakesAppends() throws(StoreError) {
    if let refusal { throw refusal }
    if closing { throw FileLogWriter.closedError }
  }

  /// Whether an append would have to wait.
  package var keepsAppendsWaiting: Bool { failure == nil && !closed && (appending || rewriting) }

  /// A thread wants to append a batch.
  package mutating func beginAppend(byteCount: Int, recordCount: Int) -> AppendStep {
    if let refusal { return .refused(refusal) }
    if closing { return .refused(FileLogWriter.closedError) }
    if appending || rewriting { return .wait }
    let isDurable = durableOffset == endOffset
    if position > 0 {
      let isFull = position + byteCount > segmentBytes
      let isBeyondIndex = endOffset.value + Int64(recordCount) - segmentBase.value > Int64(Int32.max)
      // The existence of a segment says that everything below it is durable.
      if isFull || isBeyondIndex, !isDurable { return .sync }
      let isUnneeded = endOffset <= unneededBelow && position >= segmentBytes / 4
      if isFull || isBeyondIndex || (isUnneeded && isDurable) {
        appending = true
        return .roll(endOffset)
      }
    }
    appending = true
    return .write(place)
  }

  private var place: Place {
    Place(offset: endOffset, position: position, previousReceipt: lastReceipt, durableOffset: durableOffset)
  }

  /// The segment that ``AppendStep/roll(_:)`` asked for was started; returns the place of the batch.
  package mutating func rolled() -> Place {
    precondition(appending && durableOffset == endOffset)
    segmentBase = endOffset
    position = 0
    durablePosition = 0
    return place
  }

  /// The batch is in the segment; returns whether it is the only commit that isn't durable.
  @discardableResult
  package mutating func appended(byteCount: Int, endOffset: Offset, receipt: Receipt, at now: UInt64) -> Bool {
    precondition(appending && endOffset > self.endOffset)
    let isFirst = oldestUnsynced == nil
    position += byteCount
    self.endOffset = endOffset
    lastReceipt = receipt
    bytesSinceRecoveryPoint += byteCount
    if oldestUnsynced == nil { oldestUnsynced = now }
    if oldestSinceSync == nil { oldestSinceSync = now }
    appending = false
    return isFirst
  }

  /// An append, or the segment for it, failed; the batch isn't in the log, unless the error says otherwise.
  package mutating func appendFailed(_ error: StoreError) {
    precondition(appending)
    appending = false
    if error.kind == .commitUnknown || error.kind == .fenced { fail(error) }
  }

  /// Whether an appended commit may be acknowledged, if commits younger than `limit` may be lost.
  ///
  /// `false` means wait. Throws the writer's failure, as the commit's outcome.
  package func acknowledges(limit: UInt64, at now: UInt64) throws(StoreError) -> Bool {
    if let failure { throw failure.error }
    guard !closed, let oldestUnsynced else { return true }
    return now < oldestUnsynced + limit
  }

  /// The store needs no commits below the offset: a segment with only such commits is soon followed by another.
  package mutating func unneeded(below offset: Offset) { unneededBelow = max(unneededBelow, offset) }

  // MARK: Syncs

  /// A thread wants the commits below `target` to be durable, and the recovery point to be recorded if
  /// `recordingPoint`.
  package mutating func beginSync(_ target: Offset, recordingPoint: Bool) -> SyncStep {
    if let refusal { return .refused(refusal) }
    if durableOffset >= target, !recordingPoint || recoveryPoint >= target { return .done }
    if syncing { return .wait }
    syncing = true
    oldestSinceSync = nil
    return .sync(SyncRange(durableOffset: durableOffset, endOffset: endOffset, position: position))
  }

  /// The segment was synced.
  package mutating func synced(_ range: SyncRange) {
    precondition(syncing && !rewriting)
    if range.isEmpty { return }
    durableOffset = range.endOffset
    durablePosition = range.position
    oldestUnsynced = oldestSinceSync
  }

  /// A sync failed, and its thread wants to rewrite the tail; returns whether it may, or must wait for an append.
  package mutating func beginRewrite() -> Bool {
    precondition(syncing && !rewriting)
    rewriting = !appending
    return rewriting
  }

  /// All appended commits are durable, in the segment's file or in that of a segment that starts at `base`.
  package mutating func rewrote(base: Offset, byteCount: Int) {
    precondition(rewriting && base <= durableOffset)
    rewriting = false
    segmentBase = base
    position = byteCount
    durablePosition = byteCount
    durableOffset = endOffset
    oldestUnsynced = nil
    oldestSinceSync = nil
  }

  package mutating func recorded(_ point: Offset) {
    precondition(syncing && point <= durableOffset)
    recoveryPoint = max(recoveryPoint, point)
    bytesSinceRecoveryPoint = 0
  }

  /// A sync has ended; after an error, the writer takes no more appends.
  package mutating func endSync(_ error: StoreError? = nil, for caller: SyncCaller = .caller) {
    precondition(syncing)
    syncing = false
    rewriting = false
    if let error { fail(error, isOfInterval: caller == .interval) }
  }

  /// The next action of the sync by the interval; commits are synced at the age `age`, in nanoseconds.
  package func interval(age: UInt64, at now: UInt64) -> IntervalStep {
    if closed || failure != nil { return .end }
    guard let oldestUnsynced else { return .wait }
    return now >= oldestUnsynced + age ? .sync : .waitFor(nanoseconds: oldestUnsynced + age - now)
  }

  // MARK: Closing

  /// A thread wants to close the writer; `false` if another one already has.
  package mutating func beginClose() -> Bool {
    if closed || closing { return false }
    closing = true
    return true
  }

  /// Whether no thread is at work.
  package var isIdle: Bool { !appending && !syncing && !rewriting }

  /// The writer is closed, or was released.
  package mutating func close() { closed = true }
}
