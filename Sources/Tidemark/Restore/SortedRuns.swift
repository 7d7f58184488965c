internal import Changelog

/// The sorted runs of a restore: files that one after the other lead from the stored state to a later commit.
///
/// ```
/// DIR/restore/N.run     a sorted run
/// DIR/restore/PLAN      how they are being merged, once they are (``MergePlan``)
/// DIR/restore/N.sst     a merged part
/// ```
///
/// They survive the death of the process and a loss of power, and the next restore goes on behind them. One thread uses it.
final class SortedRuns {
  /// How much of its memory budget a store may take for blocks that are merged.
  private static let budgetShare = 8
  /// How many there may be before they are merged: each is an open file.
  static let greatestCount = max(16, min(256, FileSystem.openFilesLimit / 8))

  let directory: String
  let storage: any Storage
  private(set) var runs: [SortedRun] = []
  /// Where they lead.
  private(set) var end: CommittedState
  private let budget: MemoryBudget
  private var writing: BackgroundTask?
  /// What they take on the disk.
  private(set) var byteCount = 0
  /// How much of that was written here, not by a former restore.
  private(set) var writtenBytes = 0
  /// Whether one was found damaged when it was read.
  var areDamaged = false

  /// Finds what a former restore has left that leads on from `start`; all else is removed.
  init(_ store: StoreDirectory, from start: CommittedState, _ changelog: any Changelog, _ budget: MemoryBudget)
    throws(StoreError)
  {
    directory = store.restore
    storage = store.storage
    self.budget = budget
    end = start
    guard try storage.list(directory) != nil else { return }
    while runs.count < Self.greatestCount, let run = try SortedRun(path(runs.count), storage),
      run.startOffset == end.offset, run.startReceipt == end.receipt
    {
      runs.append(run)
      byteCount += run.byteCount
      end = run.end
    }
    // The log may have lost its end since, or be another's by now.
    if !runs.isEmpty {
      var receipt: Receipt?
      if try end.offset <= changelog.offsets().end {
        do throws(StoreError) { receipt = try changelog.receipt(endingAt: end.offset) } catch {
          if error.kind != .invalidArgument { throw error }
        }
      }
      if receipt != end.receipt { runs = [] }
    }
    if runs.isEmpty { try removeAll(startingAgainFrom: start) }
  }

  deinit { _ = try? writing?.wait() }

  var isEmpty: Bool { runs.isEmpty && writing == nil }

  /// Whether so many runs are there that they should be merged before there are more.
  var isFull: Bool {
    let count = runs.count + (writing == nil ? 0 : 1)
    return count >= Self.greatestCount || (count >= 2 && cursorBytes >= room)
  }

  /// How much memory merging may take.
  private var room: Int { budget.bytes / Self.budgetShare }

  /// How much memory a cursor over each of them takes.
  var cursorBytes: Int { runs.reduce(0) { $0 + $1.greatestBlockBytes } }

  /// How many parts may be merged at once.
  var writerCount: Int { max(1, min(PartWriters.greatestCount, room / max(cursorBytes, 1))) }

  private func path(_ index: Int) -> String { "\(directory)/\(index).run" }

  /// Sorts changes, which lead from the last run to a commit, and writes them, on a thread of its own.
  ///
  /// Waits for the run before.
  func write(_ sorter: RecordSorter, to state: CommittedState) throws(StoreError) {
    try finishWriting()
    if runs.isEmpty { try storage.makeDirectory(directory) }
    let (path, directory, storage) = (path(runs.count), directory, storage)
    let start = (offset: end.offset, receipt: end.receipt)
    writing = BackgroundTask("tidemark-sort") { () throws(StoreError) in
      var writer = try SortedRunWriter(path, storage, byteCount: sorter.byteCount)
      try sorter.forEach { (table, entry) throws(StoreError) in try writer.append(entry, in: table) }
      try writer.finish(from: start, to: state)
      try storage.syncDirectory(directory)
    }
    end = state
  }

  /// Waits for the run that is being written.
  func finishWriting() throws(StoreError) {
    guard let task = writing else { return }
    writing = nil
    try task.wait()
    guard let run = try SortedRun(path(runs.count), storage) else {
      throw StoreError(.inputOutput, "a sorted run isn't what was written", ["file": path(runs.count)])
    }
    runs.append(run)
    byteCount += run.byteCount
    writtenBytes += run.byteCount
  }

  /// Has the tables defined that the runs define.
  func defineTables(_ applier: Applier) throws(StoreError) {
    for run in runs {
      do throws(StoreError) { try Self.defineTables(run, applier) } catch {
        if error.kind == .corrupted { areDamaged = true }
        throw error
      }
    }
  }

  private static func defineTables(_ run: SortedRun, _ applier: Applier) throws(StoreError) {
    var records = SortedRunCursor(run, .system, KeyRange())
    while try records.advance() {
      // Proof: the cursor keeps both until its next step.
      let key = unsafe RawSpan(_unsafeBytes: records.key)
      if let value = unsafe records.value {
        try applier.prepare(unsafe try SystemChange(key: key, value: RawSpan(_unsafeBytes: value)))
      } else {
        try applier.prepare(try SystemChange(key: key, value: nil))
      }
    }
  }

  // MARK: Merging

  private var planPath: String { directory + "/PLAN" }

  /// The plan by which they are being merged; `nil` if that wasn't begun.
  func plan() throws(StoreError) -> MergePlan? {
    guard !runs.isEmpty, let bytes = try storage.contents(of: planPath, upTo: .max),
      let plan = MergePlan(decoding: bytes),
      plan.runCount == runs.count, plan.offset == end.offset, plan.receipt == end.receipt
    else { return nil }
    return plan
  }

  /// Plans how to merge them, for good: after a crash, too.
  func makePlan() throws(StoreError) -> MergePlan {
    let plan = MergePlan(runs, leadingTo: end)
    // Parts of another plan must not be taken for this one's.
    for name in try storage.list(directory) ?? [] where name.hasSuffix(".sst") {
      try storage.unlink("\(directory)/\(name)")
    }
    try storage.syncDirectory(directory)
    try storage.replace(planPath, with: plan.encoded)
    return plan
  }

  /// Removes all of them, and what they were merged to; the next begin behind a commit.
  func removeAll(startingAgainFrom state: CommittedState) throws(StoreError) {
    try? finishWriting()
    // Nothing counts without it, so it goes first.
    try storage.unlink(planPath)
    runs = []
    (byteCount, writtenBytes) = (0, 0)
    end = state
    areDamaged = false
    try storage.removeTree(directory)
  }
}
