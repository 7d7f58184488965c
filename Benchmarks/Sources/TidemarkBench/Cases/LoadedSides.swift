import Foundation
import Tidemark

/// The same rows in a store and in a plain database, all in table files, with compactions settled.
final class LoadedSides {
  let plain: PlainDatabase
  let store: StateStore
  private let bench: Bench
  private let directory: String

  /// Loads the rows numbered below the plan's `rows`.
  init(_ bench: Bench) throws {
    self.bench = bench
    directory = try bench.freshDirectory()
    let workload = Workload(.uniq, count: bench.plan.rows)
    plain = try PlainDatabase(directory + "/plain", .create, like: bench.model)
    store = try StoreFiles(directory: directory).open(.counting, budgetBytes: bench.plan.budgetBytes)
    let batch = PlainBatch()
    var transaction = try store.begin()
    for commit in workload.commits(of: 10_000) {
      for index in commit {
        batch.put(workload.keys[index], workload.values[index])
        try transaction.put(workload.keys[index], workload.values[index], in: recordTable)
      }
      try plain.write(batch, log: .off)
      try transaction.commit()
    }
    try plain.flush()
    try store.flush()
    _ = ProcessCounters.waitForBackgroundThreads()
  }

  deinit {
    try? store.close()
    bench.remove(directory)
  }
}

/// A read found nothing where a row was loaded, or something else than the other side did.
struct WrongRead: Error, CustomStringConvertible {
  let description: String
}
