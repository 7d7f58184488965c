import Foundation
import Tidemark

/// A store with rows, all in one level of table files, and a plain database on a copy of the same files.
///
/// If each side were loaded on its own, the timing of its flushes and compactions would decide how many files and
/// levels it has, and differently in each run of the program.
final class LoadedSides {
  let plain: PlainDatabase
  let store: StateStore
  private let rows: Int
  private let directory: String
  private var snapshots: [Snapshot] = []

  /// Loads the rows numbered below the plan's `rows`.
  init(_ bench: Bench) throws {
    rows = bench.plan.rows
    directory = try bench.freshDirectory()
    let workload = Workload(.uniq, count: bench.plan.rows)
    let files = StoreFiles(directory: directory)
    do {
      let store = try files.open(.file(.os), budgetBytes: bench.plan.budgetBytes)
      try fill(store, workload, recordsPerCommit: 10_000)
      try store.close()
    }
    try PlainDatabase(files.database, .existing, with: bench.baseline).compact()
    store = try files.open(.file(.os), budgetBytes: bench.plan.budgetBytes)
    try FileManager.default.copyItem(atPath: files.database, toPath: directory + "/plain")
    plain = try PlainDatabase(directory + "/plain", .existing, with: bench.baseline)
  }

  /// Changes some rows in small commits, each followed by a snapshot, so that each starts a run of its own.
  func commitRuns(_ count: Int) throws {
    var transaction = try store.begin()
    for run in 0..<count {
      for row in 0..<100 {
        let number = mixed(UInt64(run * 100 + row)) % UInt64(rows)
        try transaction.put(RecordKey(number: number), ValuePool.offset(for: number), in: recordTable)
      }
      try transaction.commit()
      snapshots.append(try store.snapshot())
    }
  }

  deinit {
    try? store.close()
    try? FileManager.default.removeItem(atPath: directory)
  }
}

/// A read found nothing where a row was loaded, or a value other than the other side's.
struct WrongRead: Error, CustomStringConvertible {
  let description: String
}
