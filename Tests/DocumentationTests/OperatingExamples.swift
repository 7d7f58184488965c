import Foundation
import Tidemark

/// Takes a backup while the store runs, and lets the changelog delete what it covers.
func backUp(_ store: StateStore, to directory: String) throws -> Offset {
  let checkpoint = try store.checkpoint(to: directory)
  return try store.deleteChangelog(coveredBy: checkpoint.directory)
}

/// Takes a backup on another disk, beside earlier ones.
func backUpWhatIsNew(_ store: StateStore, to parent: String, named name: String) throws -> Checkpoint {
  let earlier = try FileManager.default.contentsOfDirectory(atPath: parent).map { parent + "/" + $0 }
  return try store.checkpoint(to: parent + "/" + name, sharingFilesOf: earlier)
}

/// Makes a store of a backup; the changelog gives what was committed after it.
func restore(_ backup: String, to directory: String, _ changelog: some Changelog) throws -> StateStore {
  let checkpoint = try Checkpoint.verified(backup)
  try checkpoint.copy(to: directory)
  return try StateStore.open(directory, tables: [spent, orders], changelog: changelog)
}

/// Opens a store and says how far it is.
func openTelling(_ directory: String, _ changelog: some Changelog) throws -> StateStore {
  try StateStore.open(directory, tables: [spent, orders], changelog: changelog) { progress in
    let left = progress.timeLeft.map { ", \($0) left" } ?? ""
    print(progress.phase, progress.records, "records", progress.mergedShare, "merged", left)
  }
}

/// Opens a store; readers have an older state until it is ready.
func openServing(
  _ directory: String, _ changelog: some Changelog, _ serve: @escaping @Sendable (Snapshot) -> Void
) throws -> StateStore {
  let store = try StateStore.open(
    directory, tables: [spent, orders], changelog: changelog,
    whileRestoring: { old in
      print("answers are of offset \(old.offset), position \(old.position)")
      serve(old)
    })
  serve(try store.snapshot())
  return store
}

/// Makes a store of the state as it was at a time, to look at or to go on from.
func fork(_ changelog: FileLog, at time: Timestamp, to directory: String) throws -> StateStore {
  let past = try StateStore.restore(to: directory + "/past", from: changelog, upTo: .time(time))
  let log = try changelog.fork(to: directory + "/changelog", TopicPartition("orders-state", 0), at: past.offset)
  let base = try past.fork(to: directory + "/base", changelog: log)
  try base.copy(to: directory + "/store")
  return try StateStore.open(directory + "/store", tables: [spent, orders], changelog: log)
}

/// Opens a store that aims at a replay of 200 milliseconds after a crash, beyond what opening RocksDB takes.
func openForQuickRestarts(_ directory: String, _ changelog: some Changelog) throws -> StateStore {
  var options = StoreOptions()
  options.restartTarget = .milliseconds(200)
  return try StateStore.open(directory, tables: [spent, orders], changelog: changelog, options: options)
}

/// Rebuilds a damaged database; answers where the damaged files are kept.
func rebuild(_ directory: String, _ changelog: some Changelog) throws -> String {
  let aside = try StateStore.setAside(directory)
  let store = try StateStore.open(directory, tables: [spent, orders], changelog: changelog) { progress in
    print(progress.phase, progress.offset, progress.endOffset, Int(progress.recordsPerSecond))
  }
  try store.close()
  return aside
}

/// Compares every row with a replay of the changelog.
func check(_ store: StateStore, scratch: String) throws -> Bool {
  let report = try store.verify(in: scratch)
  for difference in report.differences { print(difference) }
  return report.agrees
}

/// Two stores in one budget of 256 MiB, small transactions, and RocksDB options by name.
func openWithOptions(_ parent: String) throws -> [StateStore] {
  var options = StoreOptions()
  options.budget = MemoryBudget(bytes: 256 << 20)
  options.transactionLimits.softBytes = 4 << 20
  options.transactionLimits.softInterval = .milliseconds(200)
  options.waitingBytes = 8 << 20
  options.snapshotExpiry = .seconds(600)
  options.databaseOptions = ["max_background_jobs": "4"]
  options.columnFamilyOptions = ["compression": "kNoCompression", "write_buffer_size": "33554432"]
  let durability = Durability.interval(.milliseconds(50))
  return try (0..<2).map { (partition: Int32) in
    let changelog = try FileLog.open(
      parent + "/changelog", TopicPartition("orders-state", partition),
      options: FileLogOptions(durability: durability))
    return try StateStore.open(
      parent + "/store-\(partition)", tables: [spent, orders], changelog: changelog, options: options)
  }
}

/// What a store tells about itself, for a dashboard.
func metrics(of store: StateStore) throws -> [String: Int64] {
  let info = try store.info()
  return [
    "committed offset": info.committedOffset.value,
    "stored offset": info.storedOffset.value,
    "durable offset": info.changelogOffsets?.durable.value ?? 0,
    "budget used": Int64(info.usedBudgetBytes),
    "table file bytes": Int64(info.tables.reduce(0) { $0 + $1.tableFileBytes }),
  ]
}

/// How far a store is that nobody has open, and one of its rows; changes nothing.
func look(at directory: String, for customer: String) throws -> (offset: Offset, cents: Int64?) {
  let store = try StateStore.openReadOnly(directory, tables: [spent])
  defer { store.close() }
  return (store.offset, try store.snapshot().get(customer, in: spent))
}
