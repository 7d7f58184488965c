internal import Changelog

/// Steps over the keys of one table of a batch, in one direction, also while the batch changes.
struct BatchScan {
  private let batch: IndexedBatch
  private let table: TableID
  /// Changes only before the first step.
  var range: KeyRange
  private let order: ScanOrder
  private var position: KeyTree.Position?
  /// The entry where it stands; `nil` beyond the range.
  private(set) var entry: BatchEntry?
  /// The batch's when the position was looked up; `nil` before the first time.
  private var generation: UInt64?

  init(_ batch: IndexedBatch, _ table: TableID, range: KeyRange, order: ScanOrder) {
    self.batch = batch
    self.table = table
    self.range = range
    self.order = order
  }

  /// Whether the position wasn't looked up, or keys were added since.
  var isOutdated: Bool { @inline(__always) get { generation != batch.generation } }

  /// Looks the position up: the first of the range or, once a row was given out, the first behind `lastKey`.
  mutating func lookUp(behind lastKey: RawSpan, hasGivenRow: Bool) {
    generation = batch.generation
    switch order {
    case .ascending:
      position =
        hasGivenRow
        ? batch.first(in: table, behind: lastKey) : batch.first(in: table, from: range.lower.rawSpan)
    case .descending:
      if hasGivenRow {
        position = batch.last(in: table, before: lastKey)
      } else if let upper = range.upper {
        position = batch.last(in: table, before: upper.rawSpan)
      } else {
        position = batch.last(in: table)
      }
    }
    settle()
  }

  private mutating func settle() {
    entry = nil
    // Not `position?.entry`, which Swift 6.3's compiler gets wrong in debug builds.
    guard let position else { return }
    let found = position.entry
    // Proof: the entry's memory is there until the batch is emptied, which ends its scans.
    let key = unsafe RawSpan(_unsafeBytes: found.key)
    switch order {
    case .ascending: if let upper = range.upper, key.compare(upper.rawSpan) >= 0 { return }
    case .descending: if key.compare(range.lower.rawSpan) < 0 { return }
    }
    entry = found
  }

  /// Goes to the next key in the order of the scan.
  mutating func step() {
    position = order == .ascending ? position?.next : position?.previous
    settle()
  }
}
