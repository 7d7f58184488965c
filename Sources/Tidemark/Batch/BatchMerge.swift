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

  /// The next entry of batches that nobody changes.
  mutating func next() -> BatchEntry? {
    refresh(behind: RawSpan(), hasGivenRow: false)
    guard let current else { return nil }
    step()
    return current.entry
  }
}
