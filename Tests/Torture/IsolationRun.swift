internal import Changelog
internal import Foundation
internal import Tidemark
package import TidemarkTesting
internal import struct Synchronization.Atomic

/// Random transactions of one writer beside several readers, recorded over several lives of a store.
///
/// The store's memory is so small that rows move from the transaction into runs, from there into the database, and are
/// compacted meanwhile. The writer's choices follow from the seed; the interleaving of the threads does not.
package struct IsolationRun: Sendable {
  /// How the store is kept, and for how long.
  package struct Settings: Sendable {
    /// Whether the store has a changelog.
    package var hasChangelog = true
    /// Bytes of waiting commits.
    package var waitingBytes = 2000
    /// Bytes of applied rows kept in memory.
    package var cleanBytes = 4000
    /// Transactions in a life.
    package var transactions = 100
    /// Times that the store is opened.
    package var lives = 3
    /// Threads that read.
    package var readers = 3

    /// The settings of the test.
    package init() {}

    /// Random settings.
    static func random(using random: inout some RandomNumberGenerator) -> Settings {
      var settings = Settings()
      settings.hasChangelog = Int.random(in: 0..<4, using: &random) > 0
      settings.waitingBytes = [0, 500, 2000, 10_000, 100_000].randomElement(using: &random)!
      settings.cleanBytes = [0, 4000, 1 << 20].randomElement(using: &random)!
      settings.transactions = [50, 150, 500].randomElement(using: &random)!
      settings.lives = Int.random(in: 1...3, using: &random)
      settings.readers = Int.random(in: 1...5, using: &random)
      return settings
    }
  }

  /// The counters of the runs.
  package struct Tally: Sendable, Codable {
    package var runs = 0
    package var lives = 0
    package var transactions = 0
    package var commits = 0
    package var snapshots = 0
    /// Single reads and scans, of committed or uncommitted rows.
    package var reads = 0
    package var edges = 0
    package var anomalies = 0

    package init() {}

    package init(_ report: IsolationReport, lives: Int) {
      runs = 1
      self.lives = lives
      transactions = report.operationCounts[.transaction] ?? 0
      commits = report.commitCount
      snapshots = report.operationCounts[.snapshot] ?? 0
      reads = (report.operationCounts[.read] ?? 0) + (report.operationCounts[.uncommittedRead] ?? 0)
      edges = report.edgeCount
      anomalies = report.anomalyCounts.values.reduce(0, +)
    }

    package mutating func add(_ other: Tally) {
      runs += other.runs
      lives += other.lives
      transactions += other.transactions
      commits += other.commits
      snapshots += other.snapshots
      reads += other.reads
      edges += other.edges
      anomalies += other.anomalies
    }
  }

  /// The most operations of one reader for each transaction.
  private static let readsPerTransaction = 4

  package let settings: Settings
  private let seed: UInt64
  private let scratch: String

  /// A run by a seed, with files in a directory of its own.
  package init(seed: UInt64, settings: Settings? = nil, in scratch: String) {
    var random = SeededGenerator(seed: seed)
    let any = Settings.random(using: &random)
    self.settings = settings ?? any
    self.seed = random.next()
    self.scratch = scratch
  }

  /// Runs until it is done, or until `end`, and returns the recorded history.
  package func record(until end: ContinuousClock.Instant? = nil) throws -> IsolationHistory {
    try POSIXStorage().removeTree(scratch)
    let recorder = HistoryRecorder()
    let writer = IsolationWriter(recorder, seed: seed, hasChangelog: settings.hasChangelog)
    var random = SeededGenerator(seed: seed &+ 1)
    for life in 0..<settings.lives where !Self.isOver(end) || life == 0 {
      let isLast = life == settings.lives - 1
      try runLife(recorder, writer, until: end, endsUnknown: !isLast && Bool.random(using: &random), &random)
    }
    writer.finish()
    try POSIXStorage().removeTree(scratch)
    return recorder.history
  }

  private static func isOver(_ end: ContinuousClock.Instant?) -> Bool { end.map { $0 <= .now } ?? false }

  private var options: StoreOptions {
    var options = StoreOptions()
    options.waitingBytes = settings.waitingBytes
    options.cleanBytes = settings.cleanBytes
    options.storedLagTime = .seconds(3600)
    options.tailDurability = .os
    options.columnFamilyOptions = ["level0_file_num_compaction_trigger": "2", "write_buffer_size": "65536"]
    options.databaseOptions = ["allow_fallocate": "false", "info_log_level": "FATAL_LEVEL"]
    return options
  }

  /// One life of the store: it is opened, used, and closed or dropped as if its process had died.
  private func runLife(
    _ recorder: HistoryRecorder, _ writer: IsolationWriter, until end: ContinuousClock.Instant?, endsUnknown: Bool,
    _ random: inout SeededGenerator
  ) throws {
    let log =
      settings.hasChangelog
      ? RecordingChangelog(try FileLog.open(scratch + "/log", TopicPartition("state", 0))) : nil
    let begin = recorder.tick()
    let store = try StateStore.open(
      scratch + "/store", tables: IsolationLists.tables, changelog: log, options: options)
    try writer.begin(with: try store.snapshot(), begin...recorder.tick())
    let progress = Mutex(Progress(transactions: writer.transactions))
    // The threads end some time after their work is done, and must not hold the store until then.
    let shared = Mutex<StateStore?>(store)
    defer { shared.withLock { $0 = nil } }
    let readers = Readers(settings.readers) { number in
      guard let store = shared.withLock({ $0 }) else { return }
      try read(store, recorder, number, progress)
    }
    let writes = Result { try write(store, log, writer, progress, until: end, endsUnknown: endsUnknown, &random) }
    progress.withLock { $0.isDone = true }
    progress.wake()
    let failure = readers.wait()
    try writes.get()
    if let failure { throw failure }
    let tick = recorder.tick()
    try writer.record(try store.snapshot(), tick...recorder.tick())
    if Bool.random(using: &random) { try? store.close() }
  }

  /// The writer's part of a life.
  private func write(
    _ store: StateStore, _ log: RecordingChangelog?, _ writer: IsolationWriter, _ progress: Mutex<Progress>,
    until end: ContinuousClock.Instant?, endsUnknown: Bool, _ random: inout SeededGenerator
  ) throws {
    var faults = RecordingChangelog.Faults()
    // At an append the writer is between two states, so readers get a chance to run.
    faults.willAppend = { sched_yield() }
    faults.didAppend = { sched_yield() }
    log?.setFaults(faults)
    writer.setRefusal = { refuses in
      var refused = faults
      if refuses { refused.append = StoreError(.unavailable, "planned") }
      log?.setFaults(refused)
    }
    defer { writer.setRefusal = { _ in } }
    var transaction = try store.begin()
    let last = writer.transactions + settings.transactions
    while writer.transactions < last, !Self.isOver(end) {
      if endsUnknown, writer.transactions == last - 1 {
        // The error is the same whether or not the changelog has the commit.
        let error = StoreError(.commitUnknown, "planned")
        if Bool.random(using: &random) { faults.append = error } else { faults.appended = error }
        log?.setFaults(faults)
      }
      guard try writer.run(&transaction) else { break }
      progress.withLock { $0.transactions = writer.transactions }
      progress.wake()
      if Int.random(in: 0..<60, using: &random) == 0 { try store.flush() }
    }
  }

  private struct Progress {
    var transactions: Int
    var isDone = false
  }

  /// Reads until the writer is done.
  private func read(_ store: StateStore, _ recorder: HistoryRecorder, _ number: Int, _ progress: Mutex<Progress>) throws
  {
    let first = progress.withLock { $0.transactions }
    let reader = try IsolationReader(
      store, recorder, process: number + 1, seed: seed &+ UInt64(first * 100 + number + 2))
    defer { reader.finish() }
    var steps = 0
    while true {
      let now = progress.wait {
        $0.isDone || steps < ($0.transactions - first + 1) * Self.readsPerTransaction
      } _: {
        $0
      }
      try reader.step(now.transactions)
      steps += 1
      if now.isDone { return }
    }
  }
}

/// Threads that read.
private final class Readers: Sendable {
  private let failure = Mutex<(any Error)?>(nil)
  private let ended = DispatchSemaphore(value: 0)
  private let count: Int

  init(_ count: Int, _ body: @escaping @Sendable (_ number: Int) throws -> Void) {
    self.count = count
    for number in 0..<count {
      Thread.detachNewThread { [failure, ended] in
        do { try body(number) } catch { failure.withLock { $0 = $0 ?? error } }
        ended.signal()
      }
    }
  }

  /// Waits for all threads; returns the first failure.
  func wait() -> (any Error)? {
    for _ in 0..<count { ended.wait() }
    return failure.withLock { $0 }
  }
}
