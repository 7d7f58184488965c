internal import Changelog

/// How far a restore is; says a few times a second that it should be told.
struct RestoreProgress {
  private static let interval: Duration = .milliseconds(200)

  private(set) var value: OpenProgress
  private let begin: ContinuousClock.Instant
  /// When reading began, at which offset, and how many records and bytes were read before.
  private var readingBegin = ContinuousClock.now
  private var readingStart: Offset
  private var earlierRecords = 0
  private var earlierBytes = 0
  private var mergingBegin: ContinuousClock.Instant?
  private var nextReport = ContinuousClock.now.advanced(by: interval)

  init(from start: Offset, to end: Offset, bytes: Int?, since begin: ContinuousClock.Instant) {
    value = OpenProgress(phase: .restoring, startOffset: start, offset: start, endOffset: end)
    value.remainingBytes = bytes
    self.begin = begin
    readingStart = start
    update()
  }

  /// Reading begins, at what a former restore has left; `bytes` are to be read, if that is known.
  mutating func beginReading(at offset: Offset, bytes: Int?) {
    value.phase = .restoring
    value.remainingBytes = bytes
    value.offset = offset
    value.mergedShare = 0
    value.timeLeft = nil
    readingStart = offset
    readingBegin = .now
    earlierRecords = value.records
    earlierBytes = value.bytes
    mergingBegin = nil
    update()
  }

  /// A commit was read; returns whether to report progress.
  mutating func read(_ commit: borrowing LoggedCommit) -> Bool {
    value.phase = .restoring
    value.records += commit.records.count
    value.bytes += commit.byteCount
    value.remainingBytes = value.remainingBytes.map { max(0, $0 - commit.byteCount) }
    value.offset = commit.endOffset
    return isDue()
  }

  /// A share of the changes is merged, from 0 to 1; returns whether to report progress.
  mutating func merged(_ share: Double) -> Bool {
    if mergingBegin == nil {
      mergingBegin = .now
      value.phase = .merging
      nextReport = .now
    }
    value.mergedShare = share
    return isDue()
  }

  /// Everything is done.
  mutating func finish() {
    value.phase = .ready
    update()
  }

  private mutating func isDue() -> Bool {
    guard ContinuousClock.now >= nextReport else { return false }
    nextReport = .now.advanced(by: Self.interval)
    update()
    return true
  }

  private mutating func update() {
    value.elapsed = begin.duration(to: .now)
    let seconds = readingBegin.duration(to: .now) / .seconds(1)
    switch value.phase {
    case .ready where mergingBegin != nil: value.timeLeft = .zero
    case .merging:
      guard let mergingBegin, value.mergedShare > 0 else { return value.timeLeft = nil }
      value.timeLeft = mergingBegin.duration(to: .now) * ((1 - value.mergedShare) / value.mergedShare)
    default:
      let (done, left) = amounts
      guard seconds > 0, done > 0 else { return }
      value.recordsPerSecond = Double(value.records - earlierRecords) / seconds
      value.timeLeft = .seconds(left * seconds / done)
    }
  }

  /// What was read since reading began, and what is left: in bytes or, where those aren't known, in offsets, which count
  /// small records like large ones.
  var amounts: (done: Double, left: Double) {
    if let left = value.remainingBytes { return (Double(value.bytes - earlierBytes), Double(left)) }
    return (
      Double(value.offset.value - readingStart.value), Double(value.endOffset.value - value.offset.value)
    )
  }
}
