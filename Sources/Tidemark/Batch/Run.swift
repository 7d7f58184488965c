internal import Changelog

/// Commits that wait for the database: one batch with all that they change.
///
/// A run grows until it is sealed; then nobody changes it, and views may read it. Its memory counts against the budget for
/// as long as anybody holds it.
///
/// Proof of `@unchecked Sendable`: it grows under the lock of the store's ``WaitingCommits``, on the thread of the
/// transaction. While it grows, that thread alone reads it without the lock.
final class Run: @unchecked Sendable {
  // Proof for `unchecked`: as above.
  @safe @exclusivity(unchecked) private(set) var changes = IndexedBatch()
  private let budget: MemoryBudget
  /// Grows from run to run of a store; one that was merged has that of its last part.
  let number: Int
  /// What it counts for.
  private(set) var byteCount = 0

  init(_ budget: MemoryBudget, number: Int) {
    self.budget = budget
    self.number = number
  }

  deinit { budget.release(byteCount) }

  var isEmpty: Bool { changes.count == 0 }

  /// Adds the changes of a later commit; on return `later` is a fresh batch (the run kept the original), or the same one.
  func add(_ later: inout IndexedBatch) {
    if isEmpty { swap(&changes, &later) } else { changes.merge(later) }
    count()
  }

  /// Adds a change of a later commit; ``count()`` is due after the last of them.
  func add(_ key: RawSpan, _ value: RawSpan?, in table: TableID) {
    if let value { changes.put(key, value, in: table) } else { changes.delete(key, in: table) }
  }

  /// Forgets all changes.
  func removeAll() {
    changes.removeAll()
    count()
  }

  /// Adds the changes of a run that is sealed.
  func add(_ later: Run) {
    changes.merge(later.changes)
    count()
  }

  /// Counts its memory; throws `overBudget`, with it counted, if the budget has no room for what came.
  func reserve() throws(StoreError) {
    let more = changes.byteCount - byteCount
    byteCount = changes.byteCount
    do throws(StoreError) { try budget.reserve(more) } catch {
      budget.hold(more)
      throw error
    }
  }

  /// Counts its memory.
  func count() {
    budget.hold(changes.byteCount - byteCount)
    byteCount = changes.byteCount
  }
}
