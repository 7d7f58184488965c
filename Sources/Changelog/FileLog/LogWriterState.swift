/// What the writer of a file log has appended and made durable, and who is at work: the rules, without files, lock or clock.
///
/// Three claims keep threads apart. Whoever appends holds `appending`; whoever syncs holds `syncing`; a sync that failed holds
/// `rewriting`, too, until the tail is safe, and nobody appends meanwhile. Each call is an event, under the writer's lock, and
/// answers what its thread does next. `wait` means: once more after the next event.
///
/// Always holds: `segmentBase` ≤ `durableOffset` ≤ `endOffset`, and `recoveryPoint` ≤ `durableOffset`; `rewriting` comes
/// with `syncing` and without `appending`; a failure stays, and one that leaves a caller's commit unknown isn't hidden by another.
package struct LogWriterState: Sendable {
  /// Where a commit goes.
  package struct Place: Sendable, Equatable {
    package var offset: Offset
    package var position: Int
    package var previousReceipt: Receipt
    package var durableOffset: Offset
  }

  /// What an append does next.
  package enum AppendStep: Sendable, Equatable {
    case wait
    /// Write there; `appending` is claimed.
    case write(Place)
    /// Start another segment at the offset, all below which is durable; `appending` is claimed.
    case roll(Offset)
    /// Sync, so that another segment can be started, and ask again.
    case sync
    case refused(StoreError)
  }

  /// What a sync covers.
  package struct SyncRange: Sendable, Equatable {
    package var durableOffset: Offset
    package var endOffset: Offset
    package var position: Int
    package var isEmpty: Bool { durableOffset == endOffset }
  }

  /// What a sync does next.
  package enum SyncStep: Sendable, Equatable {
    case wait
    case done
    /// Sync the segment; `syncing` is claimed.
    case sync(SyncRange)
    case refused(StoreError)
  }

  /// Who asked for a sync.
  package enum SyncCaller: Sendable {
    /// A thread that waits for it.
    case caller
    /// The interval: nobody's commit depends on it, but for those that are still to be acknowledged.
    case interval
  }

  /// What syncing by the interval does next.
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

  /// From this size on a segment is followed by another.
  private let segmentBytes: Int

  package private(set) var segmentBase: Offset
  /// Where the segment's next batch goes.
  package private(set) var position: Int
  package private(set) var endOffset: Offset
  package private(set) var lastReceipt: Receipt
  package private(set) var durableOffset: Offset
  package private(set) var durablePosition: Int
  package private(set) var recoveryPoint: Offset
  package private(set) var bytesSinceRecoveryPoint = 0
  /// Below it, nobody needs the commits any more.
  package private(set) var unneededBelow = Offset.zero

  package private(set) var appending = false
  package private(set) var syncing = false
  package private(set) var rewriting = false
  package private(set) var closing = false
  package private(set) var closed = false
  private var failure: Failure?

  /// When the oldest commit was appended that isn't durable, and the oldest one that the sync under way leaves out.
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

  /// Why the writer takes no more.
  package var failureKind: StoreError.Kind? { failure?.error.kind }

  /// The error of what is begun from here on: nothing of it is in the log.
  ///
  /// A sync by the interval that failed leaves no commit of this caller unknown.
  private var refusal: StoreError? {
    guard let failure else { return closed ? FileLogWriter.closedError : nil }
    guard failure.isOfInterval, failure.error.kind != .fenced else { return failure.error }
    return StoreError(
      .failed, "a sync of the changelog failed, and it takes no more commits; fix the cause and reopen the store",
      cause: failure.error)
  }

  /// Notes why the writer takes no more.
  ///
  /// The first reason stays, unless only the next one tells of a commit that is unknown.
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

  /// Somebody wants to append a batch.
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

  /// The segment was started that ``AppendStep/roll(_:)`` asked for; answers where the batch goes.
  package mutating func rolled() -> Place {
    precondition(appending && durableOffset == endOffset)
    segmentBase = endOffset
    position = 0
    durablePosition = 0
    return place
  }

  /// The batch is in the segment; answers whether it is the only commit that isn't durable.
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

  /// Whether a commit that was appended may be acknowledged, where commits may be lost that are younger than `limit`.
  ///
  /// `false` means wait. Throws, as the commit's outcome, why it isn't known to be durable in time.
  package func acknowledges(limit: UInt64, at now: UInt64) throws(StoreError) -> Bool {
    if let failure { throw failure.error }
    guard !closed, let oldestUnsynced else { return true }
    return now < oldestUnsynced + limit
  }

  /// Below the offset, nobody needs commits any more: a segment with nothing else is left soon.
  package mutating func unneeded(below offset: Offset) { unneededBelow = max(unneededBelow, offset) }

  // MARK: Syncs

  /// Somebody wants what lies below `target` to be durable, and the recovery point to be there if `recordingPoint`.
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

  /// A sync failed, and wants the tail to itself; answers whether it has it, or else has to wait for an append.
  package mutating func beginRewrite() -> Bool {
    precondition(syncing && !rewriting)
    rewriting = !appending
    return rewriting
  }

  /// All that was appended lies, durable, in the segment's file or in that of a segment that starts at `base`.
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

  /// A sync is over; with an error, the writer takes no more.
  package mutating func endSync(_ error: StoreError? = nil, for caller: SyncCaller = .caller) {
    precondition(syncing)
    syncing = false
    rewriting = false
    if let error { fail(error, isOfInterval: caller == .interval) }
  }

  /// What to do for the interval, where commits are synced at the age `age`, in nanoseconds.
  package func interval(age: UInt64, at now: UInt64) -> IntervalStep {
    if closed || failure != nil { return .end }
    guard let oldestUnsynced else { return .wait }
    return now >= oldestUnsynced + age ? .sync : .waitFor(nanoseconds: oldestUnsynced + age - now)
  }

  // MARK: Closing

  /// Somebody wants to close the writer; `false` if somebody did.
  package mutating func beginClose() -> Bool {
    if closed || closing { return false }
    closing = true
    return true
  }

  /// Whether nobody is at work.
  package var isIdle: Bool { !appending && !syncing && !rewriting }

  /// The writer is closed, or nobody refers to it any more.
  package mutating func close() { closed = true }
}
