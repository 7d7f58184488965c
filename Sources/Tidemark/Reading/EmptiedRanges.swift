internal import Changelog

/// Ranges of tables in which a transaction sees no row, where its scans have stepped over many deleted ones: one range a table.
///
/// A scan that begins there goes on at the range's end, so that a queue whose front is deleted is looked at in the time of a
/// seek. A range holds across commits, as nobody else writes; a put shortens it, and what brings deleted rows back ends all.
///
/// One thread at a time uses it: that of the transaction.
final class EmptiedRanges {
  /// Fewer deleted rows than these in one step aren't remembered.
  static let leastDeletes = 64

  // Unchecked, as its owner's properties. Proof: one thread at a time, and nothing here calls anybody else.
  @safe @exclusivity(unchecked) private(set) var isEmpty = true
  /// By table id.
  @safe @exclusivity(unchecked) private var ranges: [KeyRange?] = []

  private subscript(_ table: TableID) -> KeyRange? {
    get { Int(table.value) < ranges.count ? ranges[Int(table.value)] : nil }
    set {
      while ranges.count <= Int(table.value) { ranges.append(nil) }
      ranges[Int(table.value)] = newValue
      isEmpty = false
    }
  }

  /// The part of a range where a scan may meet a row; `nil` if that is all of it.
  func narrowed(_ range: KeyRange, of table: TableID, _ order: ScanOrder) -> KeyRange? {
    guard !isEmpty, let emptied = self[table] else { return nil }
    switch order {
    case .ascending:
      guard !precedes(range.lower, emptied.lower), precedes(range.lower, end: emptied.upper) else { return nil }
      guard let lower = emptied.upper else { return KeyRange(lower: range.lower, upper: range.lower) }
      return KeyRange(lower: lower, upper: range.upper)
    case .descending:
      guard let upper = range.upper else {
        return emptied.upper == nil ? KeyRange(lower: range.lower, upper: emptied.lower) : nil
      }
      guard precedes(emptied.lower, upper), !precedes(end: emptied.upper, upper) else { return nil }
      return KeyRange(lower: range.lower, upper: emptied.lower)
    }
  }

  /// A scan has met no row in a range; where that touches the one that is known, they become one.
  func add(_ range: KeyRange, of table: TableID) {
    if let upper = range.upper, !precedes(range.lower, upper) { return }
    guard let known = self[table], !precedes(end: known.upper, range.lower), !precedes(end: range.upper, known.lower)
    else {
      self[table] = range
      return
    }
    var merged = known
    if precedes(range.lower, known.lower) { merged.lower = range.lower }
    if let upper = known.upper, precedes(upper, end: range.upper) { merged.upper = range.upper }
    self[table] = merged
  }

  /// A key is put, behind which nothing is known any more.
  func willPut(_ key: RawSpan, in table: TableID) {
    guard let emptied = self[table], key.compare(emptied.lower.rawSpan) >= 0 else { return }
    if let upper = emptied.upper, key.compare(upper.rawSpan) >= 0 { return }
    self[table]?.upper = key.array
  }

  /// Deleted rows come back.
  func removeAll() {
    ranges.removeAll()
    isEmpty = true
  }

  private func precedes(_ key: [UInt8], _ other: [UInt8]) -> Bool { key.rawSpan.compare(other.rawSpan) < 0 }
  /// Whether a key lies before an end; `nil` is beyond all keys.
  private func precedes(_ key: [UInt8], end: [UInt8]?) -> Bool { end.map { precedes(key, $0) } ?? true }
  private func precedes(end: [UInt8]?, _ key: [UInt8]) -> Bool { end.map { precedes($0, key) } ?? false }
}

/// What a scan of a table steps over.
///
/// One thread at a time uses it: that of the cursor.
final class SkippedDeletes {
  private let table: TableID
  /// What a transaction knows to be empty.
  private let emptied: EmptiedRanges?
  // Unchecked, as its owner's properties. Proof: one thread at a time, and nothing here calls anybody else.
  /// Whether the scan began behind that.
  @safe @exclusivity(unchecked) private var isNarrowed = false
  /// How many deleted keys the last step went over.
  @safe @exclusivity(unchecked) private(set) var count = 0

  init(_ table: TableID, _ emptied: EmptiedRanges?) {
    self.table = table
    self.emptied = emptied
  }

  // Calls, as the compiler crashes at changes of the property from a structure, under the thread sanitizer (Swift 6.3.1).
  func beginStep() { count = 0 }
  func skip() { count += 1 }

  /// The part of the range where the scan may meet a row; `nil` if that is all of it.
  func narrowed(_ range: KeyRange, _ order: ScanOrder) -> KeyRange? {
    let narrowed = emptied?.narrowed(range, of: table, order)
    isNarrowed = narrowed != nil
    return narrowed
  }

  /// Whether the last step should be remembered.
  func isWorthRemembering(isFirst: Bool) -> Bool {
    emptied != nil && (count >= EmptiedRanges.leastDeletes || (isFirst && isNarrowed))
  }

  /// The last step has met no row in a range.
  func remember(_ range: KeyRange) { emptied?.add(range, of: table) }
}
