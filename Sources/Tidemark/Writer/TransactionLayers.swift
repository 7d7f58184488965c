internal import Changelog

/// What the store's transaction reads above the database: what it has changed, and below that runs of commits.
///
/// Other threads may look at the changes, and take away runs that the database has.
///
/// Proof of `@unchecked Sendable`: the one thread that uses the transaction changes both, and reads the runs, as the owner
/// of `lock`; other threads are visitors. It reads the changes without the lock, as nobody else changes them.
final class TransactionLayers: @unchecked Sendable {
  /// How many changes are copied in one visit.
  private static let visitCount = 16

  private let lock = OwnerLock()
  // Unchecked here and below. Proof: as above, and who changes them can't get at them in another way meanwhile.
  @safe @exclusivity(unchecked) private(set) var changes = IndexedBatch()
  @safe @exclusivity(unchecked) private(set) var runs = CommittedRuns()
  /// Whether there is a transaction.
  @safe @exclusivity(unchecked) private var isInUse = false

  // MARK: The transaction

  /// Changes the changes.
  @inline(__always)
  func change(_ body: (IndexedBatch) -> Void) { lock.asOwner { body(changes) } }

  /// Goes on with another batch of changes.
  func replaceChanges(with other: IndexedBatch) { lock.asOwner { changes = other } }

  /// Begins anew, without changes, over runs; answers those before.
  func reset(over runs: CommittedRuns) -> CommittedRuns {
    lock.asOwner {
      let former = self.runs
      changes.removeAll()
      self.runs = runs
      isInUse = true
      return former
    }
  }

  /// Gives up all that it holds.
  func end() {
    // What goes is freed behind the lock.
    _ = lock.asOwner {
      let former = (changes, runs)
      (changes, runs, isInUse) = (IndexedBatch(), CommittedRuns(), false)
      return former
    }
  }

  /// What the changes say about a key; `nil` if they don't change it.
  @inline(__always)
  func findChange(_ key: RawSpan, in table: TableID) -> BatchEntry? {
    // Not counted as a reference: nobody else replaces them meanwhile.
    unsafe Unmanaged.passUnretained(changes)._withUnsafeGuaranteedRef { $0.find(key, in: table) }
  }

  /// What runs say about a key; `nil` if none changes it.
  @inline(__always)
  func findCommitted(_ key: RawSpan, in table: TableID) -> FoundValue? {
    lock.asOwner { runs.waiting.find(key, in: table) ?? runs.clean.find(key, in: table) }
  }

  /// What a scan reads between the changes and the database, the latest first.
  ///
  /// The database has what is clean, too: point reads may take it from there, scans needn't look at it.
  var waitingRuns: [Run] { lock.asOwner { runs.waiting } }

  // MARK: Other threads

  /// Lets go of the runs up to a number, which the database has by now, and reads those that stay clean instead; answers
  /// those before.
  ///
  /// A transaction that isn't used for a while would keep their memory until its next commit.
  func forget(upTo number: Int, keeping clean: [Run]) -> CommittedRuns {
    lock.asVisitor(isPaced: false) {
      let former = runs
      if isInUse { runs = CommittedRuns(waiting: former.waiting.filter { $0.number > number }, clean: clean) }
      return former
    }
  }

  /// What it says about a key, copied; `nil` if it doesn't change it.
  func findUncommitted(_ key: RawSpan, in table: TableID) -> FoundValue? {
    lock.asVisitor { changes.find(key, in: table).map { FoundValue(copying: $0) } }
  }

  /// Copies the changes of a range, a few at a time, so that the transaction is never held up for long.
  ///
  /// It ends where the range ends when it begins, also if the transaction adds keys as fast.
  func copyChanges(_ range: KeyRange, of table: TableID, to run: Run) {
    var range = range
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
    guard let end else { return }
    range.upper = end + [0]
    var lastKey: [UInt8]?
    repeat {
      lastKey = lock.asVisitor(isPaced: false) {
        var position: KeyTree.Position?
        if let lastKey {
          position = changes.first(in: table, behind: lastKey.rawSpan)
        } else {
          position = changes.first(in: table, from: range.lower.rawSpan)
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
