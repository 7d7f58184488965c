internal import Changelog
internal import struct Synchronization.Atomic

/// What the store's transaction reads above the database: what it has changed, and below that runs of commits.
///
/// Other threads may look at the changes, and take away runs that the database has.
///
/// Proof of `@unchecked Sendable`: the one thread that uses the transaction changes both, and reads the runs, as the owner
/// of `lock`; other threads are visitors. It reads the changes without the lock, as nobody else changes them.
final class TransactionLayers: @unchecked Sendable {
  /// How many changes, and from how many bytes on no more, are copied in one visit.
  private static let visitCount = 16
  private static let visitBytes = 64 << 10

  private let lock = OwnerLock()
  // Unchecked here and below. Proof: as above, and whoever changes them can't get at them in another way meanwhile.
  @safe @exclusivity(unchecked) private(set) var changes = IndexedBatch()
  @safe @exclusivity(unchecked) private(set) var layers: ReadLayers
  /// Where the transaction sees no row; its thread's alone.
  let emptied = EmptiedRanges()
  /// Whether there is a transaction.
  @safe @exclusivity(unchecked) private var isInUse = false
  /// Counts how often changes became something else all at once: by a commit, an abort, a rollback.
  private let turns = Atomic<UInt64>(0)

  init(_ database: SharedDatabase) { layers = ReadLayers(runs: [], version: DatabaseVersion(database: database)) }

  // MARK: The transaction

  /// Changes the changes.
  @inline(__always)
  func change(_ body: (IndexedBatch) -> Void) { lock.asOwner { body(changes) } }

  /// Drops the changes after the last savepoint.
  func rollBackToSavepoint() {
    emptied.removeAll()
    lock.asOwner {
      changes.rollBackToSavepoint()
      turns.add(1, ordering: .relaxed)
    }
  }

  /// Goes on with another batch of changes.
  func replaceChanges(with other: IndexedBatch) {
    lock.asOwner {
      changes = other
      turns.add(1, ordering: .relaxed)
    }
  }

  /// Begins anew, without changes, over other runs.
  ///
  /// Returns what it read before, to be freed after the caller's lock is released.
  func reset(over layers: ReadLayers) -> ReadLayers {
    lock.asOwner {
      let former = self.layers
      changes.removeAll()
      turns.add(1, ordering: .relaxed)
      self.layers = layers
      isInUse = true
      return former
    }
  }

  /// Gives up all that it holds.
  func end() {
    // Freed after the lock is released: deallocation can be slow.
    _ = lock.asOwner {
      let former = (changes, layers)
      changes = IndexedBatch()
      turns.add(1, ordering: .relaxed)
      layers = ReadLayers(runs: [], version: layers.version)
      isInUse = false
      return former
    }
  }

  /// What the changes say about a key; `nil` if they don't change it.
  @inline(__always)
  func findChange(_ key: RawSpan, in table: TableID) -> BatchEntry? {
    // Not counted as a reference: nobody else replaces them meanwhile.
    unsafe Unmanaged.passUnretained(changes)._withUnsafeGuaranteedRef { $0.find(key, in: table) }
  }

  /// What a key has that the changes say nothing about.
  @inline(__always)
  func findCommitted(_ key: RawSpan, in table: OpenTable) throws(StoreError) -> FoundValue {
    if let found = lock.asOwner({ layers.findInRuns(key, in: table.id) }) { return found }
    return try layers.version.find(key, in: table)
  }

  /// The uncommitted rows of a range merged with the committed ones.
  func rows(in table: OpenTable, _ range: KeyRange, _ order: ScanOrder) -> ByteCursor {
    // Taken before the iterator is made, which then has at least what the runs lack.
    let layers = lock.asOwner { self.layers }
    return layers.rows(in: table, range, order, under: changes, emptied: emptied)
  }

  // MARK: Other threads

  /// What it says about a key, copied; `nil` if it doesn't change it.
  func findUncommitted(_ key: RawSpan, in table: TableID) -> FoundValue? {
    lock.asVisitor { changes.find(key, in: table).map { FoundValue(copying: $0) } }
  }

  /// Copies the changes of a range of a table, a few at a time, so that the transaction is never held up for long.
  ///
  /// Ends where the range ends when it begins, also if the transaction adds keys as fast. Returns `false` if the changes
  /// became something else meanwhile, by a commit or an abort: what was copied then belongs to no one state. Throws
  /// `overBudget` where the memory budget has no room for the copy.
  func copyChanges(_ range: KeyRange, of table: TableID, to run: Run) throws(StoreError) -> Bool {
    let begin = turns.load(ordering: .relaxed)
    guard var range = rangeWithEnd(range, of: table) else { return turns.load(ordering: .relaxed) == begin }
    var isWhole = false
    while !isWhole {
      let lastKey: [UInt8]? = lock.asVisitor(isPaced: false) {
        guard turns.load(ordering: .relaxed) == begin else { return nil }
        return copySome(range, of: table, to: run, isWhole: &isWhole)
      }
      try run.reserve()
      guard let lastKey else { return isWhole && turns.load(ordering: .relaxed) == begin }
      range.lower = lastKey + [0]
    }
    return true
  }

  /// The range up to the last key that is changed in it; `nil` if none is.
  private func rangeWithEnd(_ range: KeyRange, of table: TableID) -> KeyRange? {
    let end: [UInt8]? = lock.asVisitor(isPaced: false) {
      let last: KeyTree.Position?
      if let upper = range.upper {
        last = changes.last(in: table, before: upper.rawSpan)
      } else {
        last = changes.last(in: table)
      }
      guard let last else { return nil }
      // Proof: the entry's memory is there until the batch changes, which it doesn't during the visit.
      return unsafe RawSpan(_unsafeBytes: last.entry.key).array
    }
    return end.map { KeyRange(lower: range.lower, upper: $0 + [0]) }
  }

  /// Copies the first changes of a range; answers the last key, and `nil` at the end of the range.
  private func copySome(_ range: KeyRange, of table: TableID, to run: Run, isWhole: inout Bool) -> [UInt8]? {
    var position = changes.first(in: table, from: range.lower.rawSpan)
    var bytes = 0
    for count in 1... {
      guard let current = position else { break }
      let entry = current.entry
      // Proof: the entry's memory is there until the batch changes, which it doesn't during the visit.
      let key = unsafe RawSpan(_unsafeBytes: entry.key)
      if let upper = range.upper, key.compare(upper.rawSpan) >= 0 { break }
      unsafe run.add(key, entry.state == .deleted ? nil : RawSpan(_unsafeBytes: entry.value), in: table)
      bytes += unsafe key.byteCount + (entry.state == .deleted ? 0 : entry.value.count)
      if count == Self.visitCount || bytes >= Self.visitBytes { return key.array }
      position = current.next
    }
    isWhole = true
    return nil
  }
}

extension TransactionLayers: RunHolder {
  // A transaction that isn't used for a while would keep their memory until its next commit.
  func forget(upTo number: Int, keeping clean: [Run]) -> ReadLayers {
    lock.asVisitor(isPaced: false) {
      let former = layers
      if isInUse {
        layers.runs.removeAll { $0.number <= number }
        layers.clean = clean
      }
      return former
    }
  }
}
