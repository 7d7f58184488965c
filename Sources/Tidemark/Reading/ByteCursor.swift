internal import Changelog
internal import RocksDB

/// Steps over the rows of one range of one column family in one direction: the database's, and over them those of
/// batches, the latest first.
struct ByteCursor: ~Copyable {
  private var iterator: RocksDB.Iterator
  private var batches: BatchMerge
  /// Kept, so that their memory counts for as long as there is the cursor.
  private var runs: [Run]
  private var range: KeyRange
  private let order: ScanOrder
  private var started = false
  private var hasGivenRow = false
  /// The row's entry, if it comes from a batch.
  private var entry: BatchEntry?
  // An object, as it keeps the cursor small: some of its bytes are copied at each step.
  private let skips: SkippedDeletes
  /// How many deleted keys of batches the last step went over.
  var skippedCount: Int { skips.count }

  /// The rows of a table that a database has, and over them runs, the latest first, and over those `changes`.
  init(
    _ iterator: consuming RocksDB.Iterator, over runs: [Run], _ table: TableID, changes: IndexedBatch? = nil,
    emptied: EmptiedRanges? = nil, range: KeyRange, order: ScanOrder
  ) {
    skips = SkippedDeletes(table, emptied)
    self.iterator = iterator
    self.runs = runs
    let batches = (changes.map { [$0] } ?? []) + runs.map { $0.changes }
    self.batches = BatchMerge(batches, table, range: range, order: order)
    self.range = range
    self.order = order
  }

  /// Goes to the first or the next row; `false` at the end of the range.
  ///
  /// `lastKey` is the key of the row that this cursor gave out before, for a scan over a batch that may have changed.
  mutating func advance(behind lastKey: RawSpan = RawSpan()) throws(StoreError) -> Bool {
    // Most often all rows are in the database.
    if started, batches.isEmpty {
      step()
      return try hasRow()
    }
    let isFirst = !hasGivenRow
    skips.beginStep()
    let hasRow = try findNext(behind: lastKey)
    if skips.isWorthRemembering(isFirst: isFirst) {
      skips.remember(steppedOver(from: isFirst ? nil : lastKey.array, to: hasRow ? key.array : nil))
    }
    return hasRow
  }

  /// The keys between a row and the next, in the order of the scan; `nil`: the bounds of the range.
  private func steppedOver(from former: [UInt8]?, to next: [UInt8]?) -> KeyRange {
    switch order {
    case .ascending: KeyRange(lower: former.map { $0 + [0] } ?? range.lower, upper: next ?? range.upper)
    case .descending: KeyRange(lower: next.map { $0 + [0] } ?? range.lower, upper: former ?? range.upper)
    }
  }

  private mutating func findNext(behind lastKey: RawSpan) throws(StoreError) -> Bool {
    if !started {
      if let narrowed = skips.narrowed(range, order) {
        range = narrowed
        batches.narrow(to: narrowed)
      }
      seek()
      started = true
    } else if entry == nil {
      step()
    }
    if batches.isEmpty { return try hasRow() }
    batches.refresh(behind: lastKey, hasGivenRow: hasGivenRow)
    while true {
      let hasRow = try hasRow()
      guard let current = batches.current else {
        entry = nil
        hasGivenRow = hasRow
        return hasRow
      }
      let next = current.entry
      if hasRow {
        // Proof: the entry's memory is there until the batch is emptied, which ends its scans.
        let comparison = unsafe iterator.key.compare(RawSpan(_unsafeBytes: next.key))
        if order == .ascending ? comparison < 0 : comparison > 0 {
          entry = nil
          hasGivenRow = true
          return true
        }
        // The batch hides the database's row.
        if comparison == 0 { step() }
      }
      batches.step()
      if next.state == .deleted {
        skips.skip()
        continue
      }
      entry = next
      hasGivenRow = true
      return true
    }
  }

  /// Lets go of all that it keeps; it has no rows any more.
  mutating func letGo() {
    iterator.letGo()
    batches = BatchMerge([], .system)
    runs = []
    entry = nil
  }

  private mutating func seek() {
    let range = range
    switch order {
    case .ascending: iterator.seek(to: range.lower.rawSpan)
    case .descending:
      if let upper = range.upper {
        iterator.seekForPrev(to: upper.rawSpan)
        if iterator.isValid, iterator.key.equals(upper.rawSpan) { iterator.previous() }
      } else {
        iterator.seekToLast()
      }
    }
  }

  @inline(__always)
  private mutating func step() {
    switch order {
    case .ascending: iterator.next()
    case .descending: iterator.previous()
    }
  }

  /// Whether the database has a row where its iterator stands, within the range.
  @inline(__always)
  private func hasRow() throws(StoreError) -> Bool {
    guard iterator.isValid else {
      try mappingErrors(to: "a scan failed") { () throws(RocksDBError) in try iterator.checkStatus() }
      return false
    }
    switch order {
    case .ascending:
      guard let upper = range.upper else { return true }
      return iterator.key.compare(upper.rawSpan) < 0
    case .descending:
      return iterator.key.compare(range.lower.rawSpan) >= 0
    }
  }

  /// Whether the row is one of a batch.
  var isInBatch: Bool { @inline(__always) get { entry != nil } }

  /// The key of the row, until the next step.
  var key: RawSpan {
    @_lifetime(borrow self)
    @inline(__always)
    get {
      guard let entry else { return iterator.key }
      // Proof: the entry's memory is there until the batch is emptied, which ends its scans.
      return unsafe _overrideLifetime(RawSpan(_unsafeBytes: entry.key), borrowing: self)
    }
  }

  /// The value of the row, until the next step or the next change of the batch.
  var value: RawSpan {
    @_lifetime(borrow self)
    @inline(__always)
    get {
      guard let entry else { return iterator.value }
      // Proof: as for the key.
      return unsafe _overrideLifetime(RawSpan(_unsafeBytes: entry.value), borrowing: self)
    }
  }
}
