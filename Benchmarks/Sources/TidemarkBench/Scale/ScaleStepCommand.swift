import ArgumentParser
import Foundation
import Histogram
import Synchronization
import Tidemark

/// A process of ``ScaleCommand``: one step on one directory, with its own memory and its own start.
struct ScaleStepCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "scale-step", shouldDisplay: false)

  enum Step: String, ExpressibleByArgument {
    /// Writes the rows.
    case load
    /// Writes some more, prints `ready` and waits to be killed.
    case tail
    /// Opens the store, reads a row, prints `ready` and waits to be killed.
    case open
    /// The same with a plain database.
    case openPlain
    /// Opens the store, reads a row and closes it.
    case restore
    /// Reads rows at random.
    case read
    /// Changes rows, with and without a checkpoint in progress.
    case checkpoint
  }

  static let recordsPerCommit = 10_000
  static let tailRecords = 10_000
  static let tailRecordsPerCommit = 100
  private static let reads = 200_000
  private static let checkpoints = 7

  @Argument var step: Step
  @Option var directory: String
  @Option var keys: Int
  @Option var budgetBytes: Int

  func run() throws {
    let files = StoreFiles(directory: directory)
    switch step {
    case .load:
      let begin = now()
      let store = try files.open(.file(.os), budgetBytes: budgetBytes)
      let latencies = LatencyRecorder()
      try write(store, from: 0, count: keys, recordsPerCommit: Self.recordsPerCommit, latencies)
      let commitsEnd = now()
      try store.close()
      try report(
        StepResult(
          seconds: Double(commitsEnd - begin) / 1e9, closingSeconds: Double(now() - commitsEnd) / 1e9,
          median: latencies.histogram.valueAtPercentile(50), p99: latencies.histogram.valueAtPercentile(99),
          greatest: latencies.histogram.max))
    case .tail:
      let store = try files.open(.file(.os), budgetBytes: budgetBytes)
      try write(
        store, from: keys, count: Self.tailRecords, recordsPerCommit: Self.tailRecordsPerCommit, LatencyRecorder())
      waitForTheEnd()
      try store.close()
    case .open:
      let store = try files.open(.file(.os), budgetBytes: budgetBytes)
      try read(0, try store.snapshot())
      waitForTheEnd()
      try store.close()
    case .openPlain:
      let plain = try PlainDatabase(
        directory + "/plain", .existing, with: BaselineSettings(budgetBytes: budgetBytes))
      guard try plain.get(RecordKey(number: 0)) != nil else { throw WrongRead(description: "a row is missing") }
      waitForTheEnd()
    case .restore:
      let begin = now()
      let store = try files.open(.file(.os), budgetBytes: budgetBytes)
      for number in [0, keys / 2, keys - 1] { try read(number, try store.snapshot()) }
      let end = now()
      try store.close()
      try report(StepResult(seconds: Double(end - begin) / 1e9))
    case .read:
      let store = try files.open(.file(.os), budgetBytes: budgetBytes)
      let snapshot = try store.snapshot()
      let latencies = LatencyRecorder()
      var random = SeededGenerator(seed: 5)
      let begin = now()
      for _ in 0..<Self.reads {
        let number = Int(random.next() % UInt64(keys))
        try latencies.time { try read(number, snapshot) }
      }
      let end = now()
      try store.close()
      try report(
        StepResult(
          seconds: Double(end - begin) / 1e9, median: latencies.histogram.valueAtPercentile(50),
          p99: latencies.histogram.valueAtPercentile(99), greatest: latencies.histogram.max))
    case .checkpoint:
      let store = try files.open(.file(.os), budgetBytes: budgetBytes)
      var (ratios, durations): ([Double], [Double]) = ([], [])
      var random = SeededGenerator(seed: 6)
      var window = 0.5
      for round in 0..<Self.checkpoints {
        // Alternates which of the two runs first.
        let alone = round.isMultiple(of: 2) ? try commitRate(store, &random) { $0 >= window } : nil
        let checkpoint = BackgroundCheckpoint(store, directory + "/checkpoint")
        let beside = try commitRate(store, &random) { _ in checkpoint.isDone }
        window = try checkpoint.wait()
        try FileManager.default.removeItem(atPath: directory + "/checkpoint")
        durations.append(window)
        ratios.append(beside / (try alone ?? commitRate(store, &random) { $0 >= window }))
      }
      try store.close()
      try report(
        StepResult(seconds: durations.sorted()[Self.checkpoints / 2], ratio: ratios.sorted()[Self.checkpoints / 2]))
    }
  }

  /// Changes rows, 1,000 per commit, until it is over, and returns the number of commits per second.
  private func commitRate(
    _ store: StateStore, _ random: inout SeededGenerator, until isOver: (_ seconds: Double) -> Bool
  ) throws -> Double {
    let begin = now()
    var commits = 0.0
    var seconds = 0.0
    var transaction = try store.begin()
    repeat {
      for _ in 0..<1000 {
        let number = random.next() % UInt64(keys)
        try transaction.put(RecordKey(number: number), ValuePool.offset(for: number), in: recordTable)
      }
      try transaction.commit()
      commits += 1
      seconds = Double(now() - begin) / 1e9
    } while !isOver(seconds)
    return commits / seconds
  }

  private func write(
    _ store: StateStore, from start: Int, count: Int, recordsPerCommit: Int, _ latencies: LatencyRecorder
  ) throws {
    var transaction = try store.begin()
    for first in stride(from: start, to: start + count, by: recordsPerCommit) {
      let end = min(first + recordsPerCommit, start + count)
      for number in first..<end {
        try transaction.put(
          RecordKey(number: UInt64(number)), ValuePool.offset(for: UInt64(number)), in: recordTable)
      }
      try latencies.time { try transaction.commit([inputPartition: Offset(Int64(end))]) }
    }
  }

  private func read(_ number: Int, _ snapshot: Snapshot) throws {
    let found = try snapshot.withBytes(RecordKey(number: UInt64(number)), in: recordTable) { $0.byteCount }
    guard found == ValuePool.valueBytes else { throw WrongRead(description: "row \(number) is missing") }
  }

  private func report(_ result: StepResult) throws {
    FileHandle.standardOutput.write(try JSONEncoder().encode(result))
  }
}

/// A checkpoint taken on a thread of its own.
private final class BackgroundCheckpoint: @unchecked Sendable {
  // Proof: written by the thread before the semaphore is signalled, and read after it; `done` is an atomic.
  private var outcome: Result<Double, any Error> = .success(0)
  private let done = Atomic<Bool>(false)
  private let semaphore = DispatchSemaphore(value: 0)

  init(_ store: StateStore, _ directory: String) {
    Thread.detachNewThread { [self] in
      let begin = now()
      outcome = Result {
        _ = try store.checkpoint(to: directory)
        return Double(now() - begin) / 1e9
      }
      done.store(true, ordering: .releasing)
      semaphore.signal()
    }
  }

  var isDone: Bool { done.load(ordering: .acquiring) }

  /// Waits for the checkpoint, and returns how many seconds it took.
  func wait() throws -> Double {
    semaphore.wait()
    return try outcome.get()
  }
}

/// Prints `ready` for the parent, and waits to be killed.
func waitForTheEnd() {
  FileHandle.standardOutput.write(Data("ready".utf8))
  // If the parent dies first, the end of its pipe ends this process, too.
  _ = FileHandle.standardInput.readDataToEndOfFile()
}

/// A step's report.
struct StepResult: Codable {
  var seconds: Double
  var closingSeconds: Double?
  /// Of a commit or a read, in nanoseconds.
  var median: UInt64?
  var p99: UInt64?
  var greatest: UInt64?
  /// The rate of commits beside a checkpoint, divided by the rate without.
  var ratio: Double?
  /// The greatest resident memory of the process, in bytes.
  var peakBytes = ProcessCounters.peakResidentBytes
}
