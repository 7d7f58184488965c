import Histogram
import Synchronization
import Tidemark

/// A worker's report of one second.
struct WorkerReport: Codable, Sendable {
  /// The latencies of the calls of one kind, in nanoseconds.
  struct Calls: Codable, Sendable {
    var count = 0
    var p50: UInt64 = 0
    var p99: UInt64 = 0
    var max: UInt64 = 0

    /// `nil` if there was no call.
    var p50Milliseconds: Double? { count == 0 ? nil : Double(p50) / 1e6 }
    var p99Milliseconds: Double? { count == 0 ? nil : Double(p99) / 1e6 }
  }

  var commits = Calls()
  var reads = Calls()
  /// Committed operations.
  var operations = 0
  /// Rows that these put or deleted.
  var changes = 0
  var scannedRows = 0
  /// The bytes that the memory budget counts.
  var budgetUsedBytes = 0
  /// The changelog records that would be replayed after a crash.
  var lagRecords: Int64 = 0
  /// Whether a checkpoint was being taken.
  var takesCheckpoint = false
  /// The checkpoints taken by this process.
  var checkpoints = 0
}

/// The counters of a worker's threads for the current second.
final class WorkerCounters: Sendable {
  private struct State: ~Copyable {
    var report = WorkerReport()
    var commits = Histogram<UInt64>(numberOfSignificantValueDigits: .three)
    var reads = Histogram<UInt64>(numberOfSignificantValueDigits: .three)
  }

  private let state = Mutex(State())

  func committed(_ nanoseconds: UInt64, operations: Int, changes: Int) {
    state.withLock { state in
      state.commits.record(nanoseconds)
      state.report.operations += operations
      state.report.changes += changes
    }
  }

  func read(_ nanoseconds: UInt64) { state.withLock { _ = $0.reads.record(nanoseconds) } }

  func scanned(rows: Int) { state.withLock { $0.report.scannedRows += rows } }

  func checkpointBegan() { state.withLock { $0.report.takesCheckpoint = true } }

  func checkpointEnded() {
    state.withLock { state in
      state.report.takesCheckpoint = false
      state.report.checkpoints += 1
    }
  }

  /// The report of the second that ends here.
  func take() -> WorkerReport {
    state.withLock { state in
      var report = state.report
      report.commits = Self.calls(state.commits)
      report.reads = Self.calls(state.reads)
      state.commits.reset()
      state.reads.reset()
      (state.report.operations, state.report.changes, state.report.scannedRows) = (0, 0, 0)
      return report
    }
  }

  private static func calls(_ histogram: Histogram<UInt64>) -> WorkerReport.Calls {
    if histogram.totalCount == 0 { return WorkerReport.Calls() }
    return WorkerReport.Calls(
      count: Int(histogram.totalCount), p50: histogram.valueAtPercentile(50), p99: histogram.valueAtPercentile(99),
      max: histogram.max)
  }
}
