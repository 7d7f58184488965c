internal import Changelog

/// Steps over the keys of one table of several batches as if they were one: of a key that many change, the latest counts.
struct BatchMerge {
  /// The latest batch first.
  private var scans: [BatchScan]
  private let order: ScanOrder
  /// The entry where it stands, and the batch that has it; `nil` at the end.
  private(set) var current: (batch: Int, entry: BatchEntry)?

  /// Begins before the first key; `batches` has the latest first.
  init(
    _ batches: [IndexedBatch], _ table: TableID, range: KeyRange = KeyRange(), order: ScanOrder = .ascending
  ) {
    scans = batches.map { BatchScan($0, table, range: range, order: order) }
    self.order = order
  }

  var isEmpty: Bool { scans.isEmpty }

  /// Makes the range smaller, before the first step.
  mutating func narrow(to range: KeyRange) { for index in scans.indices { scans[index].range = range } }

  /// Looks the batches up that weren't or that changed since, as ``BatchScan/lookUp(behind:hasGivenRow:)`` does.
  @inline(__always)
  mutating func refresh(behind lastKey: RawSpan, hasGivenRow: Bool) {
    for index in scans.indices where scans[index].isOutdated {
      lookUp(from: index, behind: lastKey, hasGivenRow: hasGivenRow)
      return
    }
  }

  private mutating func lookUp(from first: Int, behind lastKey: RawSpan, hasGivenRow: Bool) {
    for index in first..<scans.count where scans[index].isOutdated {
      scans[index].lookUp(behind: lastKey, hasGivenRow: hasGivenRow)
    }
    findCurrent()
  }

  private mutating func findCurrent() {
    if scans.count == 1 {
      current = scans[0].entry.map { (0, $0) }
      return
    }
    var first: (batch: Int, entry: BatchEntry)?
    for index in scans.indices {
      guard let entry = scans[index].entry else { continue }
      if let (_, other) = first {
        let comparison = entry.compareKeys(other)
        if order == .ascending ? comparison >= 0 : comparison <= 0 { continue }
      }
      first = (index, entry)
    }
    current = first
  }

  /// Goes on behind the current entry, in the batch that has it and in earlier ones, whose entries it hides.
  mutating func step() {
    guard let current else { return }
    for earlier in current.batch + 1..<scans.count {
      if let hidden = scans[earlier].entry, hidden.compareKeys(current.entry) == 0 { scans[earlier].step() }
    }
    scans[current.batch].step()
    findCurrent()
  }

  /// The next entry of batches that don't change meanwhile.
  mutating func next() -> BatchEntry? {
    refresh(behind: RawSpan(), hasGivenRow: false)
    guard let current else { return nil }
    step()
    return current.entry
  }
}

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
