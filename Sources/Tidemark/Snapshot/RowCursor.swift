internal import Changelog
internal import RocksDB

/// Steps over the rows of a table, in a view or in a transaction, as bytes.
///
/// In a transaction it stands on live ground: each step sees the transaction as it then is. RocksDB's iterator must not
/// see its batch change, so a change closes it; the next step takes another one and goes on behind the last key. What
/// the cursor hands out are copies.
struct RowCursor: ~Copyable {
  enum Source {
    case view(View)
    case transaction(TransactionCore)
  }

  private let source: Source
  private let table: OpenTable
  private let range: KeyRange
  private let order: ScanOrder
  private var rows: OpenRows
  private var atEnd = false
  private var hasRow: Bool
  private var keyCopy = ByteBuffer()
  private var valueCopy = ByteBuffer()

  init(
    _ source: Source, _ table: OpenTable, range: KeyRange, order: ScanOrder, after: ScanContinuation?
  ) throws(StoreError) {
    self.source = source
    self.table = table
    self.range = after.map { range.continued(after: $0.lastKey, order) } ?? range
    self.order = order
    hasRow = after != nil
    if let after { keyCopy.append(after.lastKey.rawSpan) }
    switch source {
    case .view(let view):
      let iterator = try view.read { (snapshot) throws(RocksDBError) in
        view.engine.database.handle.makeIterator(in: table.family, at: snapshot)
      }
      rows = OpenRows(ByteCursor(iterator, range: self.range, order: order))
    case .transaction(let core):
      rows = core.rows(in: table, self.range, order)
    }
  }

  /// Where the scan stands; `nil` before the first row.
  var continuation: ScanContinuation? { hasRow ? ScanContinuation(lastKey: keyCopy.bytes.array) : nil }

  /// Calls `body` with the next row; `nil` at the end.
  mutating func withNext<R>(_ body: (_ key: RawSpan, _ value: RawSpan) -> R) throws(StoreError) -> R? {
    if atEnd { return nil }
    switch source {
    case .view(let view):
      try view.check()
    case .transaction(let core):
      try core.check()
      if rows.isClosed {
        rows = core.rows(in: table, hasRow ? range.continued(after: keyCopy.bytes.array, order) : range, order)
      }
    }
    guard try rows.advance() else {
      atEnd = true
      return nil
    }
    hasRow = true
    keyCopy.removeAll()
    guard case .transaction = source else {
      return rows.withRow { key, value in
        keyCopy.append(key)
        return body(key, value)
      }
    }
    // `body` may write to the transaction, which closes the rows.
    valueCopy.removeAll()
    rows.withRow { key, value in
      keyCopy.append(key)
      valueCopy.append(value)
    }
    return body(keyCopy.bytes, valueCopy.bytes)
  }
}
