internal import Changelog
internal import Foundation

/// Replays changelog records into a store.
///
/// Most replays after a crash fit into memory: the changes wait in runs, as after commits, and the store is ready once
/// the changelog is read. A larger replay sorts the changes outside of memory: it writes them as sorted runs
/// (``SortedRuns``) while it reads the next. At the end, all cores merge the runs into table files that have no keys in
/// common (``PartWriters``), and the database ingests these in one step together with the offset. So each row is
/// written once, no compaction is needed afterwards, and the next open resumes an interrupted restore.
struct Restore {
  /// The least size of a sorted run.
  private static let leastBytes = 1 << 20
  /// Sort externally from the start only if the estimated replay exceeds `certainty` × the memory limit.
  private static let certainty = 2.0

  private let changelog: any Changelog
  private let applier: Applier
  /// The store's directory, where sorted runs are kept.
  private let directory: StoreDirectory
  private let budget: MemoryBudget
  /// The most changelog bytes that wait in memory.
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
      // The changelog still has all changes of the runs.
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
    // A merge that was begun is finished first: its parts belong to exactly these runs.
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
        // The table is dropped by a later commit, which an interrupted restore has already read.
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

  /// Throws `outOfSpace` if the disk has less than half the space for all runs, estimated from the first of them.
  ///
  /// Only half, since a try too many costs little: a restore that runs out of space later is an error as well, and the
  /// next open resumes it.
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

  /// The share of the commits from `start` to `end` that lies before `middle`: of their bytes or, if the changelog
  /// can't count bytes, of their offsets.
  private func share(of start: Offset, _ middle: Offset, _ end: Offset) -> Double {
    if let part = byteCount(from: start, to: middle), let whole = byteCount(from: start, to: end), part > 0 {
      return Double(part) / Double(whole)
    }
    return Double(middle.value - start.value) / Double(end.value - start.value)
  }

  private func progress(from start: Offset, to end: Offset) -> RestoreProgress {
    RestoreProgress(from: start, to: end, bytes: byteCount(from: start, to: end), since: begin)
  }

  /// Bytes of commits; `nil` if unknown, which only makes estimates worse.
  private func byteCount(from start: Offset, to end: Offset) -> Int? {
    (try? changelog.byteCount(from: start, to: end)) ?? nil
  }

  /// The size of the next sorted run; `sorter` has the changes that were read since the last run.
  ///
  /// A replay that may fit into memory isn't sorted externally. Otherwise, a crash loses the run that is being read and
  /// the run that is being written. So the first runs are small and later ones grow with the work of this process: a
  /// crash loses only a share of that work, and each process makes progress even if it is killed soon. The last runs
  /// are as large as memory allows, so that few runs are merged.
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
      // Also if the damaged file is a part of an interrupted restore.
      if error.kind == .corrupted { runs.areDamaged = true }
      throw error
    }
    waiting.applied(runs.end)
    try applied()
    try runs.removeAll(startingAgainFrom: runs.end)
  }

  /// The tables of a plan's parts; `nil` for a dropped table.
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
