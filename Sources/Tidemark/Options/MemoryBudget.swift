internal import Changelog
internal import RocksDB
internal import struct Synchronization.Atomic

/// The memory that the stores of a process share: transactions, uncommitted or on their way to the database, and the block
/// cache.
///
/// The cache shrinks by what transactions hold, so both together stay within ``bytes``. When transactions alone come near it,
/// they are first asked to commit (``Transaction/shouldCommit``), then the store with the most committed changes in memory
/// applies them, and at last writes throw `overBudget`.
public final class MemoryBudget: Sendable {
  /// What a store uses unless it is given another: 512 MiB.
  public static let shared = MemoryBudget(bytes: 512 << 20)

  /// The whole budget.
  public let bytes: Int

  let cache: RocksDB.BlockCache
  private let transactionBytes = Atomic<Int>(0)
  /// How many steps of memory the cache was made smaller by, under a lock and to be read without it.
  private let stepsTaken = Mutex(0)
  private let lastStepsTaken = Atomic<Int>(0)
  // Whoever looks at a weak reference keeps the store for that moment, and with it the database: under one of these locks.
  private let members = Mutex<[Member]>([])
  // Nothing is kept in the second, but a value needs bytes (``Mutex``).
  private let flushing = Mutex(false)

  private struct Member {
    weak var store: (any BudgetedStore)?
  }

  /// Sets a budget; at least 8 MiB make sense, and a store refuses one without a byte when it is opened.
  public init(bytes: Int) {
    self.bytes = bytes
    cache = RocksDB.BlockCache(capacityBytes: max(bytes, 0))
  }

  /// What transactions and cached blocks take at the moment, in bytes.
  public var usedBytes: Int { cache.usedBytes + transactionBytes.load(ordering: .relaxed) }

  /// What transactions hold, with commits that wait for the database.
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

  /// Counts a store no longer: from here on nobody keeps it for the budget's sake.
  func leave(_ store: any BudgetedStore) {
    flushing.withLock { _ in members.withLock { members in members.removeAll { $0.store === store } } }
  }

  /// How much a store may keep only to be fast: all together a sixteenth.
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

  /// Gives memory of a transaction back.
  func release(_ count: Int) { hold(-count) }

  /// Counts memory that is taken already, or, below zero, given back.
  func hold(_ count: Int) {
    transactionBytes.add(count, ordering: .relaxed)
    shrinkCache()
  }

  /// Takes the memory of transactions from the cache, in steps: setting its capacity locks each of its shards.
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

/// A store as its budget sees it.
protocol BudgetedStore: AnyObject, Sendable {
  /// How many bytes its committed changes take that the database lacks.
  var waitingBytes: Int { get }
  /// Asks it to apply them soon, and doesn't wait for it.
  func requestFlush()
}
