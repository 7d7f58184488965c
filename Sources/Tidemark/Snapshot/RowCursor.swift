internal import Changelog
internal import RocksDB

/// Steps over the rows of a table, in a view or in a transaction, as bytes.
///
/// In a transaction it stands on live ground: each step sees the transaction as it then is, and what the cursor hands out
/// there are copies. A commit changes the database below, so the transaction takes the iterator away then, and the next
/// step makes another that goes on behind the last key.
struct RowCursor: ~Copyable {
  enum Source {
    case view(View)
    case transaction(TransactionCore)
  }

  private let source: Source
  private let table: OpenTable
  private let range: KeyRange
  private let order: ScanOrder
  private let rows: TakeableRows
  private var atEnd = false
  private var failure: StoreError?
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
      rows = TakeableRows(ByteCursor(iterator, range: self.range, order: order), view.engine.usage)
    case .transaction(let core):
      try core.checkReadable()
      rows = TakeableRows(core.rows(in: table, self.range, order), core.engine.usage)
      core.register(rows)
    }
  }

  /// Where the scan stands; `nil` before the first row.
  var continuation: ScanContinuation? { hasRow ? ScanContinuation(lastKey: keyCopy.bytes.array) : nil }

  /// Calls `body` with the next row; `nil` at the end.
  mutating func withNext<R>(_ body: (_ key: RawSpan, _ value: RawSpan) -> R) throws(StoreError) -> R? {
    if let failure { throw failure }
    if atEnd { return nil }
    switch source {
    case .view(let view):
      try view.check()
      // Views never take rows away.
      guard var cursor = rows.take() else { return nil }
      guard try step(&cursor) else { return nil }
      let result = body(cursor.key, cursor.value)
      rows.putBack(cursor)
      return result
    case .transaction(let core):
      try core.checkReadable()
      var cursor: ByteCursor
      if let standing = rows.take() {
        cursor = standing
      } else {
        cursor = core.rows(in: table, hasRow ? range.continued(after: keyCopy.bytes.array, order) : range, order)
        core.register(rows)
      }
      guard try step(&cursor) else { return nil }
      valueCopy.removeAll()
      valueCopy.append(cursor.value)
      // Before the call: `body` may change the transaction.
      rows.putBack(cursor)
      return body(keyCopy.bytes, valueCopy.bytes)
    }
  }

  private mutating func step(_ cursor: inout ByteCursor) throws(StoreError) -> Bool {
    do throws(StoreError) { atEnd = try !cursor.advance(behind: keyCopy.bytes) } catch {
      // A scan that failed never looks like one that ended.
      failure = error
      throw error
    }
    if atEnd { return false }
    hasRow = true
    keyCopy.removeAll()
    keyCopy.append(cursor.key)
    return true
  }
}

/// A byte cursor that a transaction can take away from the row cursor that uses it; there is one for each open cursor.
final class TakeableRows {
  private var cursor: ByteCursor?
  private let usage: StoreUsage

  init(_ cursor: consuming ByteCursor, _ usage: StoreUsage) {
    self.cursor = consume cursor
    self.usage = usage
    usage.cursorOpened()
  }

  deinit { usage.cursorClosed() }

  func take() -> ByteCursor? { cursor.take() }
  func putBack(_ cursor: consuming ByteCursor) { self.cursor = consume cursor }
}
