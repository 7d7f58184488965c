import Foundation
import Tidemark

/// A store with rows, all in table files, with compactions settled, and a plain database on a copy of the same files.
///
/// Loaded on its own, each side would have as many files and levels as the timing of its flushes and compactions gives it.
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
    let files = StoreFiles(directory: directory)
    store = try files.open(.counting, budgetBytes: bench.plan.budgetBytes)
    try fill(store, workload, recordsPerCommit: 10_000)
    try store.flush()
    _ = ProcessCounters.waitForBackgroundThreads()
    try FileManager.default.copyItem(atPath: files.database, toPath: directory + "/plain")
    plain = try PlainDatabase(directory + "/plain", .existing, like: bench.model)
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
