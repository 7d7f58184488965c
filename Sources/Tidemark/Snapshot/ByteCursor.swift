internal import Changelog
internal import RocksDB

/// Steps over the rows of one range of one column family, in one direction.
struct ByteCursor: ~Copyable {
  private var iterator: RocksDB.Iterator
  private let range: KeyRange
  private let order: ScanOrder
  private var started = false

  init(_ iterator: consuming RocksDB.Iterator, range: KeyRange, order: ScanOrder) {
    self.iterator = iterator
    self.range = range
    self.order = order
  }

  /// Goes to the first or the next row; `false` at the end of the range.
  mutating func advance() throws(StoreError) -> Bool {
    let range = range
    switch (order, started) {
    case (.ascending, false): iterator.seek(to: range.lower.rawSpan)
    case (.ascending, true): iterator.next()
    case (.descending, true): iterator.previous()
    case (.descending, false):
      if let upper = range.upper {
        iterator.seekForPrev(to: upper.rawSpan)
        if iterator.isValid, iterator.key.equals(upper.rawSpan) { iterator.previous() }
      } else {
        iterator.seekToLast()
      }
    }
    started = true
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

  /// The key of the row, until the next step.
  var key: RawSpan {
    @_lifetime(borrow self) get { iterator.key }
  }

  /// The value of the row, until the next step.
  var value: RawSpan {
    @_lifetime(borrow self) get { iterator.value }
  }
}
