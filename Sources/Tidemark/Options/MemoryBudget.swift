internal import Changelog
internal import RocksDB
internal import struct Synchronization.Atomic

/// The memory that the stores of a process share: transactions, uncommitted or on their way to the database, memtables and
/// the block cache.
///
/// Memtables are charged to the cache, and the cache shrinks by what transactions hold, so the three together stay within
/// ``bytes``. When transactions and memtables alone come near it, transactions are first asked to commit
/// (``Transaction/shouldCommit``), then the store with the largest memtables is flushed, and at last writes throw
/// `overBudget`. RocksDB never stalls a writer for the sake of the budget: a stall behind an idle store would not end.
public final class MemoryBudget: Sendable {
  /// What a store uses unless it is given another: 512 MiB.
  public static let shared = MemoryBudget(bytes: 512 << 20)

  /// The whole budget.
  public let bytes: Int

  let cache: RocksDB.BlockCache
  let writeBuffers: RocksDB.WriteBufferManager
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

  /// Sets a budget; at least 8 MiB make sense.
  public init(bytes: Int) {
    self.bytes = bytes
    cache = RocksDB.BlockCache(capacityBytes: bytes)
    writeBuffers = RocksDB.WriteBufferManager(bufferBytes: bytes / 2, cache: cache)
  }

  /// What transactions, memtables and cached blocks take at the moment.
  public var usedBytes: Int { cache.usedBytes + transactionBytes.load(ordering: .relaxed) }

  /// What transactions hold, with commits that wait for the database.
  var heldByTransactions: Int { transactionBytes.load(ordering: .relaxed) }

  /// What can't be given up for the asking: transactions and memtables.
  private var heldBytes: Int { writeBuffers.usedBytes + heldByTransactions }

  /// Whether transactions should be committed early.
  var asksForCommit: Bool { heldBytes > bytes / 8 * 5 }

  /// Counts a store among those that can be flushed.
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
    if heldBytes + count > bytes / 4 * 3 { flushLargestStore() }
    guard heldBytes + count <= bytes / 8 * 7 else {
      throw StoreError(
        .overBudget,
        "the memory budget shared by the stores of this process is used up; commit or abort transactions, or raise it",
        ["budget bytes": bytes, "memtable bytes": writeBuffers.usedBytes, "asked bytes": count])
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

  private func flushLargestStore() {
    flushing.withLock { _ in
      let stores = members.withLock { $0.compactMap(\.store) }
      let sizes = stores.map { ($0, $0.memtableBytes) }
      if let (store, size) = sizes.max(by: { $0.1 < $1.1 }), size > 0 { store.requestFlush() }
    }
  }
}

/// A store as its budget sees it.
protocol BudgetedStore: AnyObject, Sendable {
  /// How many bytes its memtables take.
  var memtableBytes: Int { get }
  /// Asks for a flush soon, and doesn't wait for it.
  func requestFlush()
}
