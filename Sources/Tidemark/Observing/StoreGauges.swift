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
  private let memtableBytes: Meter
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
    memtableBytes = labels.gauge("size-all-mem-tables")
    tableFileBytes = labels.gauge("live-sst-files-size")
  }

  /// Publishes what the store shows at the moment.
  func publish(_ engine: Engine) {
    uncommittedBytes.set(engine.usage.uncommittedBytes)
    waitingBytes.set(engine.usage.waitingBytes)
    openCursors.set(engine.usage.openCursors)
    snapshots.set(engine.usage.openViews)
    publishLag(engine)
    stalledTables.set(engine.observer.stalledFamilies)
    let budget = engine.options.budget
    usedBudgetBytes.set(budget.usedBytes)
    cacheBytes.set(budget.cache.usedBytes)
    publishDatabase(engine.database, applications: engine.usage.runningApplications)
  }

  /// How much a crash, or a loss of power, would have restored or lost.
  private func publishLag(_ engine: Engine) {
    // In this order, so that no lag is below zero.
    let durable = engine.writer.durableOffset
    let stored = try? engine.database.state(tier: .persisted)?.offset
    let committed = engine.committed.offset
    durableLagRecords.set(max(0, committed.value - durable.value))
    // A store that can't be read tells nothing of its lag.
    guard let stored else { return }
    storedLagRecords.set(max(0, committed.value - stored.value))
    let bytes = engine.signals.lagBytes(stored: stored)
    storedLagBytes.set(stored < committed ? bytes : 0)
    predictedRestart.set(engine.predictedRestart(storedOffset: stored) / .seconds(1))
  }

  private func publishDatabase(_ database: SharedDatabase, applications: Int) {
    func number(_ name: String) -> Int { database.integerProperty("rocksdb." + name, in: database.offsets) }
    func sum(_ name: String) -> UInt64 { database.handle.summedProperty("rocksdb." + name) ?? 0 }
    let takenAt = number("oldest-snapshot-time")
    oldestSnapshotAge.set(takenAt == 0 ? 0 : max(0, Date().timeIntervalSince1970 - Double(takenAt)))
    runningFlushes.set(number("num-running-flushes") + applications)
    runningCompactions.set(number("num-running-compactions"))
    pendingCompactionBytes.set(sum("estimate-pending-compaction-bytes"))
    memtableBytes.set(sum("size-all-mem-tables"))
    tableFileBytes.set(sum("live-sst-files-size"))
  }

  /// Takes them back.
  func close() {
    let all = [
      uncommittedBytes, waitingBytes, openCursors, snapshots, oldestSnapshotAge, storedLagRecords, storedLagBytes,
      predictedRestart, durableLagRecords,
      stalledTables, usedBudgetBytes, cacheBytes, runningFlushes, runningCompactions, pendingCompactionBytes,
      memtableBytes, tableFileBytes,
    ]
    for gauge in all { gauge.destroy() }
  }
}
