public import Changelog
internal import RocksDB

/// A read-committed view of all tables at one commit, with the offset and the positions that it reflects.
///
/// A snapshot is a value over a shared view: copy it, send it to other threads, read it from many at once. The files
/// and the memory that it holds are released with its last copy, or when it expires (``StoreOptions/snapshotExpiry``).
public struct Snapshot: Sendable, ReadableView {
  @usableFromInline let view: View

  /// The changelog offset of the view: its rows are the replay of the changelog up to this offset.
  public var offset: Offset { view.state.offset }
  /// For each input partition, the offset of the next record to read.
  public var position: Position { view.state.position }
  /// The stream time: the greatest event timestamp so far.
  public var streamTime: Timestamp? { view.state.streamTime }

  /// Calls `body` with the bytes of a key's value, uncopied, and throws only `StoreError`; `nil` if there is none.
  @inlinable
  public func withBytes<K, V, R>(
    _ key: K.Value, in table: Table<K, V>, _ body: (RawSpan) throws(StoreError) -> R
  ) throws(StoreError) -> R? {
    try find(key, in: table).withBytes(body)
  }

  @inlinable
  func find<K, V>(_ key: K.Value, in table: Table<K, V>) throws(StoreError) -> FoundValue {
    let open = try view.tables.table(table)
    var buffer = ByteWriter(capacity: 64)
    try table.key.encode(key, into: &buffer)
    return try view.find(buffer.bytes, in: open)
  }

  /// The values of many keys, in their order; `nil` where there is none.
  public func multiGet<K, V>(_ keys: [K.Value], in table: Table<K, V>) throws(StoreError) -> [V.Value?] {
    let open = try view.tables.table(table)
    var encoded = RocksDB.KeyList()
    var buffer = ByteWriter(capacity: 64)
    for key in keys {
      buffer.removeAll()
      try table.key.encode(key, into: &buffer)
      encoded.append(buffer.bytes)
    }
    var results = [Result<V.Value, StoreError>?](repeating: nil, count: keys.count)
    let isRead = try view.read { (layers) throws(StoreError) in
      // If there are runs in memory, reading keys one by one is as fast.
      guard layers.runs.latest.isEmpty else { return false }
      try layers.version.withValues(encoded, in: open) { index, bytes in
        if let bytes { results[index] = Result { () throws(StoreError) in try table.value(bytes, of: keys[index]) } }
      }
      return true
    }
    var values: [V.Value?] = []
    for (index, result) in results.enumerated() {
      values.append(try isRead ? result?.get() : get(keys[index], in: table))
    }
    return values
  }

  /// Scans the rows of a range in order, lazily.
  ///
  /// It steps over each row of the range that was deleted lately (``Transaction/deleteRange(_:in:)``).
  ///
  /// With `after`, the scan resumes after the last row of an earlier scan over the same range, also of another process.
  public func scan<K, V>(
    _ table: Table<K, V>, _ range: ScanRange<K>, _ order: ScanOrder, after: ScanContinuation?
  ) throws(StoreError) -> Cursor<K, V> {
    Cursor(
      table,
      try RowCursor(
        view, try view.tables.table(table), range: try range.bounds(table.key), order: order, after: after,
        isLive: false))
  }
}
