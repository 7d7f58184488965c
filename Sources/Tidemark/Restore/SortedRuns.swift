internal import Changelog

/// The sorted runs of a restore: a chain of files with the changes from the stored state to a later commit.
///
/// ```
/// DIR/restore/N.run     a sorted run
/// DIR/restore/PLAN the plan of their merge, once it has begun (``MergePlan``)
/// DIR/restore/N.sst     a merged part
/// ```
///
/// The files survive the death of the process and a loss of power, and the next restore resumes after them. One thread
/// uses the object.
final class SortedRuns {
  /// A store's merge may take one part in `budgetShare` of the memory budget for blocks.
  private static let budgetShare = 8
  /// The most runs before a merge: each is an open file.
  static let greatestCount = max(16, min(256, FileSystem.openFilesLimit / 8))

  let directory: String
  let storage: any Storage
  private(set) var runs: [SortedRun] = []
  /// The state after the last run.
  private(set) var end: CommittedState
  private let budget: MemoryBudget
  private var writing: BackgroundTask?
  /// Bytes of the runs on the disk.
  private(set) var byteCount = 0
  /// Bytes of the runs that this restore wrote, not an earlier one.
  private(set) var writtenBytes = 0
  /// Whether a read has found damage in a run.
  var areDamaged = false

  /// Finds the runs of an interrupted restore that continue from `start`, and removes all other files.
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
    // The log may have lost its end since, or may be another log by now.
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

  /// Whether the runs should be merged before more are written.
  var isFull: Bool {
    let count = runs.count + (writing == nil ? 0 : 1)
    return count >= Self.greatestCount || (count >= 2 && cursorBytes >= room)
  }

  /// Bytes of memory that a merge may take.
  private var room: Int { budget.bytes / Self.budgetShare }

  /// Bytes of memory for one cursor over each run.
  var cursorBytes: Int { runs.reduce(0) { $0 + $1.greatestBlockBytes } }

  /// The most parts that are merged at once.
  var writerCount: Int { max(1, min(PartWriters.greatestCount, room / max(cursorBytes, 1))) }

  private func path(_ index: Int) -> String { "\(directory)/\(index).run" }

  /// Sorts the changes after the last run, up to `state`, and writes them as a run, on a background thread.
  ///
  /// Waits for the previous run first.
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

  /// Defines the tables whose definitions are in the runs.
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

  /// The plan of the merge; `nil` if no merge was begun.
  func plan() throws(StoreError) -> MergePlan? {
    guard !runs.isEmpty, let bytes = try storage.contents(of: planPath, upTo: .max),
      let plan = MergePlan(decoding: bytes),
      plan.runCount == runs.count, plan.offset == end.offset, plan.receipt == end.receipt
    else { return nil }
    return plan
  }

  /// Makes the plan of the merge, which also holds after a crash.
  func makePlan() throws(StoreError) -> MergePlan {
    let plan = MergePlan(runs, leadingTo: end)
    // Parts of another plan must not be taken for parts of this one.
    for name in try storage.list(directory) ?? [] where name.hasSuffix(".sst") {
      try storage.unlink("\(directory)/\(name)")
    }
    try storage.syncDirectory(directory)
    try storage.replace(planPath, with: plan.encoded)
    return plan
  }

  /// Removes all runs and merged parts; the next runs begin after `state`.
  func removeAll(startingAgainFrom state: CommittedState) throws(StoreError) {
    try? finishWriting()
    // The plan is removed first: without it the other files are ignored.
    try storage.unlink(planPath)
    runs = []
    (byteCount, writtenBytes) = (0, 0)
    end = state
    areDamaged = false
    try storage.removeTree(directory)
  }
}
