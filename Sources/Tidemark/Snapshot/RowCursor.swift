internal import Changelog
internal import RocksDB

/// Steps over the rows of a table, in a view or in a transaction, as bytes.
///
/// In a transaction it stands on live ground: each step sees the transaction as it then is. RocksDB's iterator must not
/// see its batch change, so the cursor takes another one when something was written since its last step and goes on
/// behind the last key; what it hands out are copies.
struct RowCursor: ~Copyable {
  enum Source {
    case view(View)
    case transaction(TransactionCore)
  }

  private let source: Source
  private let table: OpenTable
  private let range: KeyRange
  private let order: ScanOrder
  private var cursor: ByteCursor
  /// What the transaction was when `cursor` was made.
  private var version: UInt64 = 0
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
      cursor = ByteCursor(iterator, range: self.range, order: order)
    case .transaction(let core):
      cursor = core.rows(in: table, self.range, order)
      version = core.version
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
      if version != core.version {
        cursor = core.rows(in: table, hasRow ? range.continued(after: keyCopy.bytes.array, order) : range, order)
        version = core.version
      }
    }
    guard try cursor.advance() else {
      atEnd = true
      return nil
    }
    hasRow = true
    keyCopy.removeAll()
    keyCopy.append(cursor.key)
    guard case .transaction = source else { return body(cursor.key, cursor.value) }
    valueCopy.removeAll()
    valueCopy.append(cursor.value)
    return body(keyCopy.bytes, valueCopy.bytes)
  }
}
