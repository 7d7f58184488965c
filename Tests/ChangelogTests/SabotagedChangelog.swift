import Changelog
import TidemarkTesting

/// A wrapper around a changelog that breaks one promise.
final class SabotagedChangelog: Changelog {
  /// The faults that it can have.
  enum Fault: String, CaseIterable {
    case startsAtOne, losesRecords, swapsCommits, wrongReceipt, receiptEverywhere, endsLate, readsOn, countsTooManyBytes
    case keepsDeposedWriters, leavesATrace, forgetsPositions, staysOpen, forgetsTheReceipt, deletesTooMuch
    case durableAhead, durableLost, forgetsTheTimeout, returnsAtOnce, missesSyncs, hidesTheCut, reportsACut
    case otherCapabilities, dropsOutputs, takesHalfOfOutputs

    /// The promise that the fault breaks.
    var promise: ChangelogConformance.Promise {
      switch self {
      case .startsAtOne: .emptyStart
      case .losesRecords: .contents
      case .swapsCommits: .order
      case .wrongReceipt, .receiptEverywhere: .receipts
      case .endsLate: .points
      case .readsOn: .reading
      case .countsTooManyBytes: .bytes
      case .keepsDeposedWriters: .oneWriter
      case .leavesATrace: .sizeLimit
      case .forgetsPositions: .emptyCommits
      case .staysOpen: .closing
      case .forgetsTheReceipt: .reopening
      case .deletesTooMuch: .deletion
      case .durableAhead, .durableLost: .durability
      case .forgetsTheTimeout, .returnsAtOnce, .missesSyncs: .waiting
      case .hidesTheCut, .reportsACut: .recovery
      case .otherCapabilities: .capabilities
      case .dropsOutputs, .takesHalfOfOutputs: .outputs
      }
    }
  }

  let base: any Changelog
  let fault: Fault?
  private let isReopened: Bool

  init(_ base: any Changelog, _ fault: Fault?, isReopened: Bool = false) {
    self.base = base
    self.fault = fault
    self.isReopened = isReopened
  }

  var identity: ChangelogIdentity { base.identity }

  var capabilities: ChangelogCapabilities {
    fault == .otherCapabilities && isReopened ? base.capabilities.union(.isReplicated) : base.capabilities
  }

  func offsets() throws(StoreError) -> ChangelogOffsets {
    var offsets = try base.offsets()
    if fault == .startsAtOne, offsets.end == 0 { offsets.end = 1 }
    if fault == .durableAhead { offsets.durable = offsets.end.advanced(by: 1) }
    if fault == .durableLost, offsets.durable < offsets.end { offsets.durable = 0 }
    return offsets
  }

  func waitForChange(from known: ChangelogOffsets, timeout: Duration) throws(StoreError) -> ChangelogOffsets {
    var (known, timeout) = (known, timeout)
    if fault == .returnsAtOnce { timeout = .zero }
    // Too long for the check to wait, but short enough for the thread to end with the test.
    if fault == .forgetsTheTimeout { timeout = .seconds(4) }
    let end = known.end
    while true {
      let found = try base.waitForChange(from: known, timeout: min(timeout, .seconds(4)))
      if fault != .missesSyncs || found.end != end || found == known { return found }
      known = found
    }
  }

  func openWriter() throws(StoreError) -> any ChangelogWriter {
    SabotagedWriter(try base.openWriter(), fault, isReopened: isReopened)
  }

  func read(
    from start: Offset, to end: Offset?, _ body: (LoggedCommit) throws(StoreError) -> ReadContinuation
  ) throws(StoreError) -> Offset {
    if fault == .swapsCommits, end == nil { return try readSwapped(from: start, body) }
    return try base.read(from: start, to: fault == .readsOn ? nil : end) { (commit) throws(StoreError) in
      let records = commit.records
      let loses = fault == .losesRecords && records.count > 5
      return try body(
        LoggedCommit(
          baseOffset: commit.baseOffset, endOffset: commit.endOffset, epoch: commit.epoch, timestamp: commit.timestamp,
          previousReceipt: commit.previousReceipt,
          receipt: fault == .wrongReceipt ? Receipt(commit.receipt.value ^ 1) : commit.receipt,
          position: fault == .forgetsPositions && records.count == 0 ? [:] : commit.position,
          streamTime: commit.streamTime, outputsDigest: commit.outputsDigest, laterFields: commit.laterFields,
          byteCount: commit.byteCount, records: loses ? RecordSpan(bytes: RawSpan(), count: 0) : records))
    }
  }

  /// Delivers the first two commits in reverse order.
  private func readSwapped(
    from start: Offset, _ body: (LoggedCommit) throws(StoreError) -> ReadContinuation
  ) throws(StoreError) -> Offset {
    let commits = try base.commits(from: start, limit: 2)
    guard commits.count == 2 else { return try base.read(from: start, to: nil, body) }
    for commit in [commits[1], commits[0]] {
      _ = try base.read(from: commit.baseOffset, to: commit.endOffset, body)
    }
    return try base.read(from: commits[1].endOffset, to: nil, body)
  }

  func receipt(endingAt offset: Offset) throws(StoreError) -> Receipt? {
    let receipt = try base.receipt(endingAt: offset)
    return fault == .receiptEverywhere ? receipt ?? Receipt(7) : receipt
  }

  func end(at point: ChangelogPoint) throws(StoreError) -> Offset {
    let end = try base.end(at: point)
    return fault == .endsLate ? end.advanced(by: 1) : end
  }

  func byteCount(from start: Offset, to end: Offset) throws(StoreError) -> Int? {
    try base.byteCount(from: start, to: end).map { fault == .countsTooManyBytes ? $0 + 1 : $0 }
  }

  func deleteCommits(below offset: Offset) throws(StoreError) -> Offset {
    try base.deleteCommits(below: fault == .deletesTooMuch ? offset.advanced(by: 1) : offset)
  }
}

private final class SabotagedWriter: ChangelogWriter {
  private let base: any ChangelogWriter
  private let fault: SabotagedChangelog.Fault?
  private let isReopened: Bool

  init(_ base: any ChangelogWriter, _ fault: SabotagedChangelog.Fault?, isReopened: Bool) {
    self.base = base
    self.fault = fault
    self.isReopened = isReopened
  }

  var epoch: Int32 { base.epoch }
  var endOffset: Offset { base.endOffset }
  var durableOffset: Offset { base.durableOffset }
  var lastReceipt: Receipt { fault == .forgetsTheReceipt && isReopened ? Receipt(7) : base.lastReceipt }

  var recovery: ChangelogRecovery {
    switch fault {
    case .hidesTheCut: ChangelogRecovery()
    case .reportsACut:
      ChangelogRecovery(cut: ChangelogRecovery.Cut(offset: 0, byteCount: 1, place: "here", reason: nil))
    default: base.recovery
    }
  }

  func append(_ commit: borrowing Commit) throws(StoreError) -> AppendedCommit {
    do throws(StoreError) {
      if fault == .dropsOutputs || fault == .takesHalfOfOutputs, !commit.isStateAlone {
        let appended = try base.append(Commit(position: commit.position))
        if fault == .takesHalfOfOutputs { throw StoreError(.unsupported, "half a commit is there by now") }
        return appended
      }
      return try base.append(commit)
    } catch {
      if fault == .leavesATrace, error.kind == .tooLarge { _ = try base.append(Commit()) }
      guard fault == .keepsDeposedWriters, error.kind == .fenced else { throw error }
      return AppendedCommit(baseOffset: 0, endOffset: 1, receipt: Receipt(7))
    }
  }

  func sync() throws(StoreError) -> Offset { try base.sync() }
  func close() throws(StoreError) { if fault != .staysOpen { try base.close() } }
}
