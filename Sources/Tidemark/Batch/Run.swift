internal import Changelog

/// Commits that wait for the database: one batch with all their changes.
///
/// A run grows until it is sealed; then it doesn't change any more, and views may read it. Its memory counts against
/// the budget until its last reference is released.
///
/// Proof of `@unchecked Sendable`: it grows under the lock of the store's ``WaitingCommits``, on the thread of the
/// transaction. While it grows, that thread alone reads it without the lock.
final class Run: @unchecked Sendable {
  // Proof for `unchecked`: as above.
  @safe @exclusivity(unchecked) private(set) var changes = IndexedBatch()
  private let budget: MemoryBudget
  /// Increases from run to run of a store; a merged run has the number of its last part.
  let number: Int
  /// Bytes that it counts for in the memory budget.
  private(set) var byteCount = 0

  init(_ budget: MemoryBudget, number: Int) {
    self.budget = budget
    self.number = number
  }

  deinit { budget.release(byteCount) }

  var isEmpty: Bool { changes.count == 0 }

  /// Adds the changes of a later commit; on return `later` is a fresh batch (the run kept the original), or the same
  /// one, emptied.
  func add(_ later: inout IndexedBatch) {
    if isEmpty { swap(&changes, &later) } else { changes.merge(later) }
    count()
  }

  /// Adds a change of a later commit; call ``count()`` after the last one.
  func add(_ key: RawSpan, _ value: RawSpan?, in table: TableID) {
    if let value { changes.put(key, value, in: table) } else { changes.delete(key, in: table) }
  }

  /// Removes all changes.
  func removeAll() {
    changes.removeAll()
    count()
  }

  /// Adds the changes of a sealed run.
  func add(_ later: Run) {
    changes.merge(later.changes)
    count()
  }

  /// Counts its memory; throws `overBudget`, with the memory counted, if the budget has no room for the growth.
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
