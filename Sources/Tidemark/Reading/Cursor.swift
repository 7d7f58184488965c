public import Changelog

/// The rows of a scan, one after the other; never an array.
///
/// In a transaction each step sees the transaction as it then is: rows ahead that are written are seen, rows that are
/// deleted are not. A cursor that came to its end stays there. Use it on the thread that uses the transaction.
public struct Cursor<Key: KeyCodec, Value: Codec>: ~Copyable {
  @usableFromInline let table: Table<Key, Value>
  @usableFromInline let rows: RowCursor

  init(_ table: Table<Key, Value>, _ rows: RowCursor) {
    self.table = table
    self.rows = rows
  }

  /// The next row; `nil` at the end.
  @inlinable
  public mutating func next() throws(StoreError) -> (key: Key.Value, value: Value.Value)? {
    guard try rows.next() else { return nil }
    return try table.row(rows.key, rows.value)
  }

  /// Calls `body` with the bytes of the next row; `nil` at the end.
  @inlinable
  public mutating func withNext<R>(_ body: (_ key: RawSpan, _ value: RawSpan) throws -> R) throws -> R? {
    try rows.next() ? try body(rows.key, rows.value) : nil
  }

  /// Where the scan stands, to go on from in another call or another process; `nil` before the first row.
  public var continuation: ScanContinuation? { rows.continuation }
}
