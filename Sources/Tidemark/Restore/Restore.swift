internal import Changelog
internal import Foundation

/// Replays changelog records into a store.
///
/// What is left to replay after a crash most often fits into memory, and waits there like commits do: the store is ready as
/// soon as it is read. More than that is sorted outside of memory: the changes are written as sorted runs
/// (``SortedRuns``), while the next are read; at the end the runs are merged, on all cores, into table files that have no
/// keys in common (``PartWriters``), which the database takes in one step together with the offset. So each row is written
/// once, nothing is left to compactions, and what a crash interrupts goes on where it was.
struct Restore {
  /// What is worth a run of its own.
  private static let leastBytes = 1 << 20
  /// How many times what fits into memory a replay has to promise before it is sorted outside of it from the start.
  private static let certainty = 2.0

  private let changelog: any Changelog
  private let applier: Applier
  /// The store's, where sorted runs are kept.
  private let directory: StoreDirectory
  private let budget: MemoryBudget
  /// At most how many changelog bytes wait.
  private let lagBytes: Int
  private let begin: ContinuousClock.Instant
  /// Called when sorted runs turned out to be damaged, and the changelog is read again.
  private let discarded: (StoreError) -> Void
  /// Called after the database has changed.
  private let applied: () throws(StoreError) -> Void

  init(
    _ changelog: any Changelog, _ applier: Applier, _ directory: StoreDirectory, _ budget: MemoryBudget, lagBytes: Int,
    since begin: ContinuousClock.Instant,
    discarded: @escaping (StoreError) -> Void = { _ in
    },
    applied: @escaping () throws(StoreError) -> Void = { () throws(StoreError) in }
  ) {
    self.changelog = changelog
    self.applier = applier
    self.directory = directory
    self.budget = budget
    self.lagBytes = lagBytes
    self.begin = begin
    self.discarded = discarded
    self.applied = applied
  }

  /// Replays up to `end`; the last commits may wait afterwards, as after any commit.
  ///
  /// Returns how many changelog bytes wait.
  func run(
    _ waiting: inout WaitingCommits, to end: Offset, _ report: (OpenProgress) throws(StoreError) -> Void
  ) throws(StoreError) -> Int {
    var progress = progress(from: waiting.state.offset, to: end)
    if waiting.state.offset < end { try report(progress.value) }
    let runs = try SortedRuns(directory, from: waiting.state, changelog, budget)
    do throws(StoreError) {
      return try replay(runs, &waiting, to: end, &progress, report)
    } catch {
      // The changelog still has all that they have.
      guard runs.areDamaged else { throw error }
      discarded(error)
    }
    try runs.removeAll(startingAgainFrom: waiting.state)
    progress = self.progress(from: waiting.state.offset, to: end)
    return try replay(runs, &waiting, to: end, &progress, report)
  }

  private func replay(
    _ runs: SortedRuns, _ waiting: inout WaitingCommits, to end: Offset, _ progress: inout RestoreProgress,
    _ report: (OpenProgress) throws(StoreError) -> Void
  ) throws(StoreError) -> Int {
    try runs.defineTables(applier)
    // A merge that was begun is finished first: its parts count for these runs.
    if try runs.plan() != nil || runs.isFull { try merge(runs, &waiting, &progress, report) }
    var state = runs.end
    progress.beginReading(at: state.offset, bytes: byteCount(from: state.offset, to: end))
    var sorter = RecordSorter(budget)
    var waitingBytes = 0
    try changelog.read(from: state.offset, to: end) { (commit) throws(StoreError) in
      guard commit.previousReceipt == state.receipt else {
        throw StoreError(
          .wrongChangelog, "a commit of the changelog doesn't follow the previous one: the changelog was forked",
          ["offset": commit.baseOffset])
      }
      state = CommittedState(
        offset: commit.endOffset, receipt: commit.receipt, position: commit.position, streamTime: commit.streamTime)
      try add(commit.records, to: sorter)
      waitingBytes += commit.byteCount
      if progress.read(commit) { try report(progress.value) }
      if sorter.byteCount >= limitBytes(of: sorter, progress, waiting, runs) || waitingBytes >= lagBytes {
        try runs.write(sorter, to: state)
        if runs.runs.count == 1 { try checkRoom(runs, to: end, greatestBytes: 2 * waiting.limitBytes) }
        sorter = RecordSorter(budget)
        waitingBytes = 0
        if runs.isFull {
          try merge(runs, &waiting, &progress, report)
          progress.beginReading(at: state.offset, bytes: byteCount(from: state.offset, to: end))
        }
      }
      return .next
    }
    guard state.offset == end else {
      throw StoreError(.corrupted, "the changelog ended before its end", ["offset": state.offset, "end": end])
    }
    if runs.isEmpty {
      if state != waiting.state { try waiting.add(sorter, state) }
    } else {
      if sorter.count > 0 || state != runs.end { try runs.write(sorter, to: state) }
      sorter = RecordSorter(budget)
      waitingBytes = 0
      try merge(runs, &waiting, &progress, report)
    }
    progress.finish()
    try report(progress.value)
    return waitingBytes
  }

  private func add(_ records: RecordSpan, to sorter: RecordSorter) throws(StoreError) {
    var known: TableID?
    try records.forEach { (table, key, value) throws(StoreError) in
      if table == .system {
        try applier.prepare(try SystemChange(key: key, value: value))
        known = nil
      } else if table != known {
        // It was dropped later, as a restore has found that was interrupted.
        if applier.isDropped(table) { return }
        guard applier.table(table) != nil else {
          throw StoreError(.corrupted, "the changelog has a record of a table that it doesn't define", ["table": table])
        }
        known = table
      }
      sorter.add(key, value, in: table)
    }
    sorter.hold()
  }

  /// Throws if the disk has not even half the room that the runs take, going by the first of them.
  ///
  /// What runs out on the way is an error as well, and the next open goes on there: so better a try too many.
  private func checkRoom(_ runs: SortedRuns, to end: Offset, greatestBytes: Int) throws(StoreError) {
    guard let first = runs.runs.first, let free = FileSystem.freeBytes(at: directory.path) else { return }
    let share = share(of: first.startOffset, first.end.offset, end)
    let whole = min(Double(first.byteCount) / share, Double(SortedRuns.greatestCount * greatestBytes))
    let needed = whole - Double(first.byteCount)
    guard Double(free) < needed / 2 else { return }
    throw StoreError(
      .outOfSpace, "the disk has too little space for the restore; make room and open the store again",
      ["directory": directory.path, "free bytes": free, "needed bytes, about": Int(needed)])
  }

  /// Which share of the commits from `start` to `end` lies before `middle`: of their bytes or, where the changelog can't
  /// tell those, of the offsets, which count small records like large ones.
  private func share(of start: Offset, _ middle: Offset, _ end: Offset) -> Double {
    if let part = byteCount(from: start, to: middle), let whole = byteCount(from: start, to: end), part > 0 {
      return Double(part) / Double(whole)
    }
    return Double(middle.value - start.value) / Double(end.value - start.value)
  }

  private func progress(from start: Offset, to end: Offset) -> RestoreProgress {
    RestoreProgress(from: start, to: end, bytes: byteCount(from: start, to: end), since: begin)
  }

  /// How many bytes commits take; `nil` if that isn't known, which costs no more than a good estimate.
  private func byteCount(from start: Offset, to end: Offset) -> Int? {
    (try? changelog.byteCount(from: start, to: end)) ?? nil
  }

  /// How much is sorted together, where a sorter has what was read so far since the last run.
  ///
  /// What may fit into memory isn't sorted outside of it. Of the rest, a crash costs the run that is read and the one that is
  /// written. So the first are small: what is lost is a share of what this process did, however soon it is killed, and each
  /// start brings the restore forward. They end as large as memory allows, so that few are merged.
  private func limitBytes(
    of sorter: RecordSorter, _ progress: RestoreProgress, _ waiting: borrowing WaitingCommits, _ runs: SortedRuns
  ) -> Int {
    if waiting.asksForSpace { return min(waiting.limitBytes, Self.leastBytes) }
    if runs.isEmpty {
      let (read, left) = progress.amounts
      let whole = Double(sorter.byteCount) * (read + left) / read
      if whole < Self.certainty * Double(waiting.limitBytes) { return waiting.limitBytes }
    }
    return min(max(Self.leastBytes, runs.writtenBytes / 4, runs.byteCount / 64), 2 * waiting.limitBytes)
  }

  /// Merges the runs into the database.
  private func merge(
    _ runs: SortedRuns, _ waiting: inout WaitingCommits, _ progress: inout RestoreProgress,
    _ report: (OpenProgress) throws(StoreError) -> Void
  ) throws(StoreError) {
    try runs.finishWriting()
    let memory = runs.cursorBytes * runs.writerCount
    budget.hold(memory)
    defer { budget.release(memory) }
    do throws(StoreError) {
      let plan: MergePlan
      if let begun = try runs.plan() { plan = begun } else { plan = try runs.makePlan() }
      let writers = PartWriters(
        runs, plan, applier.database, tables: try tables(of: plan), dropsDeletions: waiting.state.offset == .zero)
      let files = try writers.run { (share) throws(StoreError) in
        if progress.merged(share) { try report(progress.value) }
      }
      try applier.take(files, runs.end)
    } catch {
      // Also a part that a former restore has left.
      if error.kind == .corrupted { runs.areDamaged = true }
      throw error
    }
    waiting.applied(runs.end)
    try applied()
    try runs.removeAll(startingAgainFrom: runs.end)
  }

  /// The tables of a plan's parts; `nil` for one that was dropped.
  private func tables(of plan: MergePlan) throws(StoreError) -> [OpenTable?] {
    var tables: [OpenTable?] = []
    for part in plan.parts {
      guard let table = applier.table(part.table) else {
        if applier.isDropped(part.table) {
          tables.append(nil)
          continue
        }
        throw StoreError(
          .corrupted, "sorted runs have a record of a table that they don't define", ["table": part.table])
      }
      tables.append(table)
    }
    return tables
  }
}
