internal import Changelog

/// What the store's transaction has changed, where other threads may look at it.
///
/// The transaction reads it without a lock, as nobody else changes it.
///
/// Proof of `@unchecked Sendable`: `batch` changes as the owner of `lock`, on the one thread that uses the transaction, and
/// other threads read it as visitors.
final class UncommittedChanges: @unchecked Sendable {
  /// How many changes are copied in one visit.
  private static let visitCount = 16

  private let lock = OwnerLock()
  // Unchecked. Proof: as above, and who changes the batch can't get at it in another way meanwhile.
  @safe @exclusivity(unchecked) private(set) var batch = IndexedBatch()

  // MARK: The transaction

  /// Changes the batch.
  @inline(__always)
  func change(_ body: (IndexedBatch) -> Void) { lock.asOwner { body(batch) } }

  /// Goes on with another batch.
  func replace(with other: IndexedBatch) { lock.asOwner { batch = other } }

  // MARK: Other threads

  /// What it says about a key, copied; `nil` if it doesn't change it.
  func find(_ key: RawSpan, in table: TableID) -> FoundValue? {
    lock.asVisitor { batch.find(key, in: table).map { FoundValue(copying: $0) } }
  }

  /// Copies the changes of a range, a few at a time, so that the transaction is never held up for long.
  ///
  /// It ends where the range ends when it begins, also if the transaction adds keys as fast.
  func copy(_ range: KeyRange, of table: TableID, to run: Run) {
    var range = range
    let end: [UInt8]? = lock.asVisitor(isPaced: false) {
      let last: KeyTree.Position?
      if let upper = range.upper {
        last = batch.last(in: table, before: upper.rawSpan)
      } else {
        last = batch.last(in: table)
      }
      guard let last else { return nil }
      // Proof: the entry's memory is there until the batch changes, which it doesn't during the visit.
      return unsafe RawSpan(_unsafeBytes: last.entry.key).array
    }
    guard let end else { return }
    range.upper = end + [0]
    var lastKey: [UInt8]?
    repeat {
      lastKey = lock.asVisitor(isPaced: false) {
        var position: KeyTree.Position?
        if let lastKey {
          position = batch.first(in: table, behind: lastKey.rawSpan)
        } else {
          position = batch.first(in: table, from: range.lower.rawSpan)
        }
        for count in 1... {
          guard let current = position else { return nil }
          let entry = current.entry
          // Proof: the entry's memory is there until the batch changes, which it doesn't during the visit.
          let key = unsafe RawSpan(_unsafeBytes: entry.key)
          if let upper = range.upper, key.compare(upper.rawSpan) >= 0 { return nil }
          unsafe run.add(key, entry.state == .deleted ? nil : RawSpan(_unsafeBytes: entry.value), in: table)
          if count == Self.visitCount { return key.array }
          position = current.next
        }
        return nil
      }
      run.count()
    } while lastKey != nil
  }
}
