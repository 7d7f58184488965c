internal import Changelog
internal import CoreMetrics
internal import Foundation
internal import RocksDB

/// The metrics of a store that tell of a moment, and are published at intervals.
final class StoreGauges: Sendable {
  private let uncommittedBytes: Meter
  private let waitingBytes: Meter
  private let openCursors: Meter
  private let snapshots: Meter
  private let oldestSnapshotAge: Meter
  private let storedLagRecords: Meter
  private let storedLagBytes: Meter
  private let predictedRestart: Meter
  private let durableLagRecords: Meter
  private let stalledTables: Meter
  private let usedBudgetBytes: Meter
  private let cacheBytes: Meter
  private let runningFlushes: Meter
  private let runningCompactions: Meter
  private let pendingCompactionBytes: Meter
  private let tableFileBytes: Meter

  init(_ labels: MetricLabels) {
    uncommittedBytes = labels.gauge("uncommitted-bytes")
    waitingBytes = labels.gauge("waiting-bytes")
    openCursors = labels.gauge("num-open-iterators")
    snapshots = labels.gauge("num-snapshots")
    oldestSnapshotAge = labels.gauge("oldest-snapshot-age")
    storedLagRecords = labels.gauge("stored-lag-records")
    storedLagBytes = labels.gauge("stored-lag-bytes")
    predictedRestart = labels.gauge("predicted-restart")
    durableLagRecords = labels.gauge("durable-lag-records")
    stalledTables = labels.gauge("write-stalled-tables")
    usedBudgetBytes = labels.gauge("memory-budget-used-bytes")
    cacheBytes = labels.gauge("block-cache-usage")
    runningFlushes = labels.gauge("num-running-flushes")
    runningCompactions = labels.gauge("num-running-compactions")
    pendingCompactionBytes = labels.gauge("estimate-pending-compaction-bytes")
    tableFileBytes = labels.gauge("live-sst-files-size")
  }

  /// Publishes what a store shows at the moment.
  func publish(_ readings: StoreReadings) {
    uncommittedBytes.set(readings.usage.uncommittedBytes)
    waitingBytes.set(readings.usage.waitingBytes)
    openCursors.set(readings.usage.openCursors)
    snapshots.set(readings.usage.openViews)
    durableLagRecords.set(max(0, readings.committedOffset.value - readings.durableOffset.value))
    // A store that can't be read tells nothing of its lag.
    if let stored = readings.storedOffset {
      storedLagRecords.set(max(0, readings.committedOffset.value - stored.value))
      storedLagBytes.set(stored < readings.committedOffset ? readings.storedLagBytes : 0)
      predictedRestart.set(readings.predictedRestart / .seconds(1))
    }
    stalledTables.set(readings.stalledTables)
    usedBudgetBytes.set(readings.budget.usedBytes)
    cacheBytes.set(readings.budget.cache.usedBytes)
    publish(readings.database, applications: readings.usage.runningApplications)
  }

  private func publish(_ database: SharedDatabase, applications: Int) {
    func number(_ name: String) -> Int { database.integerProperty("rocksdb." + name, in: database.offsets) }
    func sum(_ name: String) -> UInt64 { database.handle.summedProperty("rocksdb." + name) ?? 0 }
    let takenAt = number("oldest-snapshot-time")
    oldestSnapshotAge.set(takenAt == 0 ? 0 : max(0, Date().timeIntervalSince1970 - Double(takenAt)))
    runningFlushes.set(applications)
    runningCompactions.set(number("num-running-compactions"))
    pendingCompactionBytes.set(sum("estimate-pending-compaction-bytes"))
    tableFileBytes.set(sum("live-sst-files-size"))
  }

  /// Takes them back.
  func close() {
    let all = [
      uncommittedBytes, waitingBytes, openCursors, snapshots, oldestSnapshotAge, storedLagRecords, storedLagBytes,
      predictedRestart, durableLagRecords,
      stalledTables, usedBudgetBytes, cacheBytes, runningFlushes, runningCompactions, pendingCompactionBytes,
      tableFileBytes,
    ]
    for gauge in all { gauge.destroy() }
  }
}

/// What gauges are published from.
struct StoreReadings {
  let usage: StoreUsage
  let budget: MemoryBudget
  let database: SharedDatabase
  /// Read in this order, so that no lag is below zero.
  let durableOffset: Offset
  /// `nil` if it can't be read.
  let storedOffset: Offset?
  let committedOffset: Offset
  /// At most how many changelog bytes follow the stored offset.
  let storedLagBytes: Int
  /// How long the replay after a crash would take.
  let predictedRestart: Duration
  /// How many column families' writes RocksDB would slow down or stop.
  let stalledTables: Int
}
