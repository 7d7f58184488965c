internal import Changelog
internal import Foundation

/// Replays changelog records into a store: many commits are applied together, with the offset of the last, so that a crash on
/// the way leaves a prefix of the changelog and costs what came after the last application but one.
///
/// While runs are applied on a thread of their own, the next commits are read and sorted; there are never more than two such
/// steps in memory.
struct Restore {
  /// What is worth table files of its own.
  private static let leastBytes = 1 << 20

  private let changelog: any Changelog
  private let applier: Applier
  /// At most how many changelog bytes wait.
  private let lagBytes: Int
  private let begin: ContinuousClock.Instant
  /// Called after each application.
  private let applied: () throws(StoreError) -> Void

  init(
    _ changelog: any Changelog, _ applier: Applier, lagBytes: Int, since begin: ContinuousClock.Instant,
    applied: @escaping () throws(StoreError) -> Void = { () throws(StoreError) in }
  ) {
    self.changelog = changelog
    self.applier = applier
    self.lagBytes = lagBytes
    self.begin = begin
    self.applied = applied
  }

  /// Replays up to `end`; the last commits may wait afterwards, as after any commit.
  ///
  /// Returns how many changelog bytes wait.
  func run(
    _ waiting: inout WaitingCommits, to end: Offset, _ report: (OpenProgress) -> Void
  ) throws(StoreError) -> Int {
    let start = waiting.state
    var waitingBytes = 0
    var application: RunningApplication?
    // Also after an error nobody else touches the database.
    defer { application?.wait() }
    var progress = OpenProgress(phase: .restoring, startOffset: start.offset, offset: start.offset, endOffset: end)
    let restoreBegin = ContinuousClock.now
    var nextReport = restoreBegin.advanced(by: .milliseconds(200))
    update(&progress, since: restoreBegin)
    if start.offset < end { report(progress) }
    try changelog.read(from: start.offset, to: end) { (commit) throws(StoreError) in
      guard commit.previousReceipt == waiting.state.receipt else {
        throw StoreError(
          .wrongChangelog, "a commit of the changelog doesn't follow the one before: the changelog was forked",
          ["offset": commit.baseOffset])
      }
      let state = CommittedState(
        offset: commit.endOffset, receipt: commit.receipt, position: commit.position, streamTime: commit.streamTime)
      try waiting.add(commit.records, state, applier)
      waitingBytes += commit.byteCount
      progress.records += commit.records.count
      progress.bytes += commit.byteCount
      progress.offset = commit.endOffset
      if waiting.unbegunBytes >= limitBytes(of: waiting) || waitingBytes >= lagBytes {
        try finish(&application, &waiting)
        application = waiting.beginApplication().map { RunningApplication($0, applier) }
        waitingBytes = 0
      }
      if ContinuousClock.now >= nextReport {
        nextReport = ContinuousClock.now.advanced(by: .milliseconds(200))
        update(&progress, since: restoreBegin)
        report(progress)
      }
      return .next
    }
    try finish(&application, &waiting)
    guard waiting.state.offset == end else {
      throw StoreError(
        .corrupted, "the changelog ended before its end", ["offset": waiting.state.offset, "end": end])
    }
    progress.phase = .ready
    update(&progress, since: restoreBegin)
    report(progress)
    return waitingBytes
  }

  /// How much is applied together: less where memory is short.
  private func limitBytes(of waiting: borrowing WaitingCommits) -> Int {
    waiting.asksForSpace ? min(waiting.limitBytes, Self.leastBytes) : waiting.limitBytes
  }

  /// Waits for what is being applied, if anything is.
  private func finish(
    _ application: inout RunningApplication?, _ waiting: inout WaitingCommits
  ) throws(StoreError) {
    guard let running = application.take() else { return }
    waiting.end(try running.finish())
    try applied()
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

/// Runs that are being applied, on a thread of their own.
///
/// Proof of `@unchecked Sendable`: `failure` is written before the semaphore is signalled, and read after the wait.
private final class RunningApplication: @unchecked Sendable {
  private let application: WaitingCommits.Application
  private let isDone = DispatchSemaphore(value: 0)
  private var failure: StoreError?

  init(_ application: WaitingCommits.Application, _ applier: Applier) {
    self.application = application
    let thread = Thread { [self] in
      do throws(StoreError) { try applier.install(application.batches, application.state) } catch { failure = error }
      isDone.signal()
    }
    thread.name = "tidemark-restore"
    thread.start()
  }

  /// Waits until the database has them, or can't have them.
  func wait() {
    isDone.wait()
    isDone.signal()
  }

  /// Waits, and answers what was applied; throws why it couldn't be.
  func finish() throws(StoreError) -> WaitingCommits.Application {
    wait()
    if let failure { throw failure }
    return application
  }
}
