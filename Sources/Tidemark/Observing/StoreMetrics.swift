internal import CoreMetrics

/// What a commit took.
struct CommitSize {
  var records: Int
  var bytes: Int
}

/// The metrics of a store.
///
/// All are made when the store is opened, so that recording looks nothing up. Labels are Kafka Streams' where it has such
/// a metric, after `tidemark.`; the one dimension is `store`.
final class StoreMetrics: Sendable {
  private let commitLatency: Timer
  private let commits: Counter
  private let failedCommits: Counter
  private let writtenRecords: Counter
  private let writtenBytes: Counter
  private let restoredRecords: Counter
  private let restoreRate: Meter
  private let restoreRemainingRecords: Meter
  private let flushes: Counter
  private let compactions: Counter
  private let backgroundErrors: Counter
  private let writeStallDuration: Timer
  let gauges: StoreGauges

  /// Makes the metrics of the store of that name; `nil` if the factory drops everything.
  init?(_ factory: any MetricsFactory, store: String) {
    if factory is NOOPMetricsHandler { return nil }
    let labels = MetricLabels(factory: factory, store: store)
    commitLatency = labels.timer("commit-latency")
    commits = labels.counter("commit-total")
    failedCommits = labels.counter("commit-failed-total")
    writtenRecords = labels.counter("records-written-total")
    writtenBytes = labels.counter("bytes-written-total")
    restoredRecords = labels.counter("restore-total")
    restoreRate = labels.gauge("restore-rate")
    restoreRemainingRecords = labels.gauge("restore-remaining-records-total")
    flushes = labels.counter("flush-total")
    compactions = labels.counter("compaction-total")
    backgroundErrors = labels.counter("background-errors")
    writeStallDuration = labels.timer("write-stall-duration")
    gauges = StoreGauges(labels)
  }

  func committed(_ size: CommitSize, in duration: Duration) {
    commitLatency.recordNanoseconds(duration.nanoseconds)
    commits.increment()
    writtenRecords.increment(by: size.records)
    writtenBytes.increment(by: size.bytes)
  }

  func commitFailed() { failedCommits.increment() }

  /// Records were applied at open; `remaining` offsets are left.
  func restored(records: Int, perSecond rate: Double, remaining: Int64) {
    restoredRecords.increment(by: records)
    restoreRate.set(rate)
    restoreRemainingRecords.set(remaining)
  }

  func flushCompleted() { flushes.increment() }
  func compactionCompleted() { compactions.increment() }
  func backgroundFailed() { backgroundErrors.increment() }

  func stallEnded(after duration: Duration) { writeStallDuration.recordNanoseconds(duration.nanoseconds) }

  /// Takes the gauges back: what they told of is over.
  ///
  /// Counters and timers stay, for the store may be opened again.
  func close() {
    for gauge in [restoreRate, restoreRemainingRecords] { gauge.destroy() }
    gauges.close()
  }
}

/// Makes the metrics of one store.
struct MetricLabels {
  let factory: any MetricsFactory
  let store: String

  private var dimensions: [(String, String)] { [("store", store)] }

  func timer(_ name: String) -> Timer { Timer(label: "tidemark." + name, dimensions: dimensions, factory: factory) }
  func counter(_ name: String) -> Counter {
    Counter(label: "tidemark." + name, dimensions: dimensions, factory: factory)
  }
  func gauge(_ name: String) -> Meter { Meter(label: "tidemark." + name, dimensions: dimensions, factory: factory) }
}

extension Duration {
  fileprivate var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
  }
}
