internal import Changelog

/// Applies changelog records to a store: several commits at a time, each group with the offset of its last commit, so
/// that a crash on the way leaves a prefix of the changelog and costs what came after the last table file.
struct Restore {
  /// How many bytes are applied at a time.
  private static let groupBytes = 1 << 20

  private let changelog: any Changelog
  private let applier: Applier
  private let begin: ContinuousClock.Instant
  private let installed: (_ bytes: Int, _ end: Offset) throws(StoreError) -> Void

  /// `installed` is called after each group with the changelog bytes that it took and where it ends.
  init(
    _ changelog: any Changelog, _ applier: Applier, since begin: ContinuousClock.Instant,
    installed: @escaping (_ bytes: Int, _ end: Offset) throws(StoreError) -> Void = { (_, _) throws(StoreError) in }
  ) {
    self.changelog = changelog
    self.applier = applier
    self.begin = begin
    self.installed = installed
  }

  /// Applies `[state.offset, end)` and returns the state that it leads to.
  func run(
    from start: CommittedState, to end: Offset, _ report: (OpenProgress) -> Void
  ) throws(StoreError) -> CommittedState {
    var state = start
    var installedBytes = 0
    var progress = OpenProgress(phase: .restoring, startOffset: start.offset, offset: start.offset, endOffset: end)
    let restoreBegin = ContinuousClock.now
    var nextReport = restoreBegin.advanced(by: .milliseconds(200))
    update(&progress, since: restoreBegin)
    if state.offset < end { report(progress) }
    try changelog.read(from: start.offset, to: end) { (commit) throws(StoreError) in
      guard commit.previousReceipt == state.receipt else {
        throw StoreError(
          .wrongChangelog, "a commit of the changelog doesn't follow the one before: the changelog was forked",
          ["offset": commit.baseOffset])
      }
      try applier.stage(commit.records)
      state = CommittedState(
        offset: commit.endOffset, receipt: commit.receipt, position: commit.position, streamTime: commit.streamTime)
      progress.records += commit.records.count
      progress.bytes += commit.byteCount
      progress.offset = commit.endOffset
      if applier.stagedBytes >= Self.groupBytes {
        try applier.install(state)
        try installed(progress.bytes - installedBytes, state.offset)
        installedBytes = progress.bytes
      }
      if ContinuousClock.now >= nextReport {
        nextReport = ContinuousClock.now.advanced(by: .milliseconds(200))
        update(&progress, since: restoreBegin)
        report(progress)
      }
      return .next
    }
    guard state.offset == end else {
      throw StoreError(
        .corrupted, "the changelog ended before its end", ["offset": state.offset, "end": end])
    }
    if progress.bytes > installedBytes {
      try applier.install(state)
      try installed(progress.bytes - installedBytes, state.offset)
    }
    progress.phase = .ready
    update(&progress, since: restoreBegin)
    report(progress)
    return state
  }

  private func update(_ progress: inout OpenProgress, since restoreBegin: ContinuousClock.Instant) {
    progress.elapsed = begin.duration(to: .now)
    let seconds = restoreBegin.duration(to: .now) / .seconds(1)
    let done = Double(progress.offset.value - progress.startOffset.value)
    guard seconds > 0, done > 0 else { return }
    progress.recordsPerSecond = Double(progress.records) / seconds
    progress.timeLeft = .seconds(Double(progress.endOffset.value - progress.offset.value) * seconds / done)
  }
}
