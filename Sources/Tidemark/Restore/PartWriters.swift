internal import Changelog
internal import Foundation
internal import RocksDB
internal import struct Synchronization.Atomic

/// Merges sorted runs, and writes a table file of each part of a plan, on all cores.
///
/// Parts that a former restore has written are not written again.
final class PartWriters: Sendable {
  /// How many parts are written at once, where memory allows.
  static let greatestCount = min(max(ProcessInfo.processInfo.activeProcessorCount, 1), 8)

  /// All stores of the process take turns, part by part, so that one that came first doesn't keep the others waiting.
  private static let turns = Turns(greatestCount)

  private let runs: [SortedRun]
  private let count: Int
  private let plan: MergePlan
  private let directory: String
  private let storage: any Storage
  private let database: SharedDatabase
  /// By the plan's index; parts of dropped tables have none, and aren't written.
  private let tables: [OpenTable?]
  /// Whether nothing is below the runs that a deletion would have to hide.
  private let dropsDeletions: Bool
  private let nextPart = Atomic<Int>(0)
  private let isFailed = Atomic<Bool>(false)
  private let doneBytes = Atomic<Int>(0)
  private let files = Mutex<[(part: Int, path: String)]>([])

  init(
    _ runs: SortedRuns, _ plan: MergePlan, _ database: SharedDatabase, tables: [OpenTable?], dropsDeletions: Bool
  ) {
    self.runs = runs.runs
    count = runs.writerCount
    self.plan = plan
    directory = runs.directory
    storage = runs.storage
    self.database = database
    self.tables = tables
    self.dropsDeletions = dropsDeletions
  }

  /// Writes all parts, and returns the table files; parts without rows have none.
  ///
  /// Calls `report` now and then on this thread, with how much of the work is done, from 0 to 1; where that throws, the
  /// parts under way are finished, and no others.
  func run(_ report: (Double) throws(StoreError) -> Void) throws(StoreError) -> [(table: OpenTable, path: String)] {
    // All parts that this thread has may be none.
    try report(0)
    let others = (1..<count).map { _ in
      BackgroundTask("tidemark-merge") { [self] () throws(StoreError) in try work() }
    }
    var failure: StoreError?
    let total = Double(max(plan.parts.reduce(0) { $0 + $1.byteCount }, 1))
    do throws(StoreError) {
      try work { () throws(StoreError) in try report(min(Double(doneBytes.load(ordering: .relaxed)) / total, 1)) }
    } catch {
      failure = error
    }
    for other in others {
      do throws(StoreError) { try other.wait() } catch { failure = failure ?? error }
    }
    if let failure { throw failure }
    return files.withLock { $0 }.sorted { $0.part < $1.part }.compactMap { file in
      tables[file.part].map { ($0, file.path) }
    }
  }

  /// Writes one part after the other, until every part is taken by some thread.
  private func work(
    _ report: () throws(StoreError) -> Void = { () throws(StoreError) in }
  ) throws(StoreError) {
    do throws(StoreError) {
      while !isFailed.load(ordering: .relaxed) {
        let part = nextPart.add(1, ordering: .relaxed).oldValue
        if part >= plan.parts.count { return }
        let path = try Self.turns.take { () throws(StoreError) in
          // While this one waited, another may have failed.
          isFailed.load(ordering: .relaxed) ? nil : try write(part)
        }
        if let path { files.withLock { $0.append((part, path)) } }
        doneBytes.add(plan.parts[part].byteCount, ordering: .relaxed)
        try report()
      }
    } catch {
      isFailed.store(true, ordering: .relaxed)
      throw error
    }
  }

  /// Writes the table file of a part; `nil` if it has no rows.
  private func write(_ part: Int) throws(StoreError) -> String? {
    guard let table = tables[part] else { return nil }
    let path = "\(directory)/\(part).sst"
    // It has its name since it was whole, and synced.
    if try storage.open(path, .read) != nil { return path }
    var merge = try SortedRunMerge(runs, plan.parts[part].table, plan.range(part))
    let temporary = "\(directory)/\(part).tmp.sst"
    try storage.unlink(temporary)
    var file: RocksDB.TableFile?
    while try merge.advance() {
      let value = unsafe merge.value
      if unsafe value == nil, dropsDeletions { continue }
      if file == nil {
        file = try mappingErrors(to: "a table file can't be made", ["file": temporary]) { () throws(RocksDBError) in
          try database.handle.makeTableFile(at: temporary, for: table.family)
        }
      }
      // Proof: RocksDB copies both, which stay until the next step.
      do throws(RocksDBError) {
        if let value = unsafe value {
          unsafe try file?.put(RawSpan(_unsafeBytes: merge.key), RawSpan(_unsafeBytes: value))
        } else {
          unsafe try file?.delete(RawSpan(_unsafeBytes: merge.key))
        }
      } catch {
        throw StoreError(error, "a table file can't be written")
      }
    }
    guard let whole = file.take() else { return nil }
    do throws(RocksDBError) { try whole.finish() } catch {
      throw StoreError(error, "a table file can't be written")
    }
    try storage.rename(temporary, to: path)
    return path
  }
}
