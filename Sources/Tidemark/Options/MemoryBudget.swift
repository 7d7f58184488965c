internal import Changelog
internal import RocksDB
internal import struct Synchronization.Atomic

/// The memory that the stores of a process share: for transactions, for runs of commits, and for the block cache.
///
/// The cache shrinks by the memory of transactions and runs, so all together stay within ``bytes``. When transactions
/// and runs alone come near the budget, transactions are first asked to commit (``Transaction/shouldCommit``), then the
/// store with the most memory in runs applies them, and at last writes throw `overBudget`.
public final class MemoryBudget: Sendable {
  /// The default budget of a store: 512 MiB.
  public static let shared = MemoryBudget(bytes: 512 << 20)

  /// The whole budget.
  public let bytes: Int

  let cache: RocksDB.BlockCache
  private let transactionBytes = Atomic<Int>(0)
  /// The number of steps by which the cache was made smaller.
  private let stepsTaken = Mutex(0)
  private let lastStepsTaken = Atomic<Int>(0)
  // A strong reference from a weak one keeps the store, and with it the database, alive for a moment: only under these
  // locks.
  private let members = Mutex<[Member]>([])
  // Guards no value; the `Bool` is there as a `Mutex` needs a value with bytes.
  private let flushing = Mutex(false)

  private struct Member {
    weak var store: (any BudgetedStore)?
  }

  /// Creates a budget; use at least 8 MiB.
  ///
  /// Opening a store with a budget of 0 bytes throws `invalidArgument`.
  public init(bytes: Int) {
    self.bytes = bytes
    cache = RocksDB.BlockCache(capacityBytes: max(bytes, 0))
  }

  /// Bytes of memory that transactions, runs and cached blocks take now.
  public var usedBytes: Int { cache.usedBytes + transactionBytes.load(ordering: .relaxed) }

  /// Bytes of memory of transactions and runs.
  var heldByTransactions: Int { transactionBytes.load(ordering: .relaxed) }

  /// Whether transactions should be committed early.
  var asksForCommit: Bool { heldByTransactions > bytes / 8 * 5 }

  /// Counts a store among those that can be asked to apply.
  func join(_ store: any BudgetedStore) {
    members.withLock { members in
      members.removeAll { $0.store == nil }
      members.append(Member(store: store))
    }
  }

  /// Removes a store: from here on the budget doesn't keep it alive.
  func leave(_ store: any BudgetedStore) {
    flushing.withLock { _ in members.withLock { members in members.removeAll { $0.store === store } } }
  }

  /// Bytes that a store may keep in clean runs: a sixteenth of the budget for all stores together.
  var spareBytesOfAStore: Int { bytes / 16 / max(1, members.withLock { $0.count { $0.store != nil } }) }

  /// Counts memory of a transaction; throws `overBudget` if there is none left.
  func reserve(_ count: Int) throws(StoreError) {
    if heldByTransactions + count > bytes / 4 * 3 { applyLargestStore() }
    guard heldByTransactions + count <= bytes / 8 * 7 else {
      throw StoreError(
        .overBudget,
        "the memory budget shared by the stores of this process is used up; commit or abort transactions, or raise it",
        ["budget bytes": bytes, "held bytes": heldByTransactions, "asked bytes": count])
    }
    transactionBytes.add(count, ordering: .relaxed)
    shrinkCache()
  }

  /// Returns memory of a transaction.
  func release(_ count: Int) { hold(-count) }

  /// Counts memory that is taken already or, if negative, returned.
  func hold(_ count: Int) {
    transactionBytes.add(count, ordering: .relaxed)
    shrinkCache()
  }

  /// Shrinks the cache by the memory of transactions and runs, in steps: setting its capacity locks each of its shards.
  private func shrinkCache() {
    if lastStepsTaken.load(ordering: .relaxed) == stepsHeld { return }
    stepsTaken.withLock { steps in
      steps = stepsHeld
      lastStepsTaken.store(steps, ordering: .relaxed)
      cache.setCapacity(max(bytes - steps * stepBytes, bytes / 8))
    }
  }

  private var stepBytes: Int { bytes / 64 + 1 }
  private var stepsHeld: Int { (heldByTransactions + stepBytes - 1) / stepBytes }

  private func applyLargestStore() {
    flushing.withLock { _ in
      let stores = members.withLock { $0.compactMap(\.store) }
      let sizes = stores.map { ($0, $0.waitingBytes) }
      if let (store, size) = sizes.max(by: { $0.1 < $1.1 }), size > 0 { store.requestFlush() }
    }
  }
}

/// The calls that a budget makes to a store.
protocol BudgetedStore: AnyObject, Sendable {
  /// Bytes of memory of its runs that the database lacks.
  var waitingBytes: Int { get }
  /// Asks it to apply its runs soon, without waiting.
  func requestFlush()
}
