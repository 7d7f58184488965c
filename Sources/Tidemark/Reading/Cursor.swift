public import Changelog

/// The rows of a scan, read lazily one after the other.
///
/// In a transaction each step sees the current changes: rows that are written ahead of the cursor are seen, deleted
/// rows are not. A cursor at its end stays there. Use it on the thread of the transaction. After the transaction has
/// ended or the store is closed, a step throws `closed`. After a commit or an abort the cursor continues after its last
/// row.
///
/// In a snapshot all steps see one commit, also after the store is closed. A cursor can't be copied, so it isn't a
/// `Sequence`:
///
/// ```swift
/// try view.scan(balances).forEach { name, balance in … }
/// var rows = try view.scan(balances)
/// while let (name, balance) = try rows.next() { … }
/// ```
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

  /// Calls `body` with the bytes of the next row, and throws only `StoreError`; `nil` at the end.
  @inlinable
  public mutating func withNext<R>(
    _ body: (_ key: RawSpan, _ value: RawSpan) throws(StoreError) -> R
  ) throws(StoreError) -> R? {
    try rows.next() ? try body(rows.key, rows.value) : nil
  }

  // MARK: All rows

  /// Calls `body` with each remaining row.
  ///
  /// ```swift
  /// try view.scan(balances).forEach { name, balance in print(name, balance) }
  /// ```
  @inlinable
  public func forEach(_ body: (_ key: Key.Value, _ value: Value.Value) throws -> Void) throws {
    try attemptForEach { (key, value, _) in try body(key, value) }.get()
  }

  /// Calls `body` with each remaining row, and throws only `StoreError`.
  @inlinable
  public func forEach(
    _ body: (_ key: Key.Value, _ value: Value.Value) throws(StoreError) -> Void
  ) throws(StoreError) {
    try attemptForEach { (key, value, _) throws(StoreError) in try body(key, value) }.get()
  }

  /// Calls `body` with each remaining row, until it sets `stop`.
  ///
  /// A scan with ``continuation`` resumes after the row at which `body` set `stop`.
  @inlinable
  public func forEach(
    _ body: (_ key: Key.Value, _ value: Value.Value, _ stop: inout Bool) throws -> Void
  ) throws {
    try attemptForEach(body).get()
  }

  /// Calls `body` with each remaining row, until it sets `stop`, and throws only `StoreError`.
  @inlinable
  public func forEach(
    _ body: (_ key: Key.Value, _ value: Value.Value, _ stop: inout Bool) throws(StoreError) -> Void
  ) throws(StoreError) {
    try attemptForEach(body).get()
  }

  /// Returns the error of `body`; throws the errors of the store.
  @inlinable
  func attemptForEach<E: Error>(
    _ body: (_ key: Key.Value, _ value: Value.Value, _ stop: inout Bool) throws(E) -> Void
  ) throws(StoreError) -> Result<Void, E> {
    var stop = false
    while !stop, try rows.next() {
      let (key, value) = try table.row(rows.key, rows.value)
      do throws(E) { try body(key, value, &stop) } catch { return .failure(error) }
    }
    return .success(())
  }

  /// The position after the last row, from which another scan, also in another process, can resume; `nil` before the
  /// first row.
  public var continuation: ScanContinuation? { rows.continuation }
}
