public import Changelog
internal import RocksDB

/// A read-committed view of all tables at one commit, with the offset and the positions that it reflects.
///
/// A value that shares one view: copy it, send it to other threads, read from many at once. What it pins on disk and in
/// memory goes with its last copy, or when it expires (``StoreOptions/snapshotExpiry``).
public struct Snapshot: Sendable, ReadableView {
  @usableFromInline let view: View

  /// The changelog offset up to which the view is the replay of the changelog.
  public var offset: Offset { view.state.offset }
  /// How far each input partition was consumed.
  public var position: Position { view.state.position }
  /// The greatest event timestamp seen.
  public var streamTime: Timestamp? { view.state.streamTime }

  /// Calls `body` with the bytes of a key's value, without a copy, and throws `StoreError` alone; `nil` if there is none.
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
      // What is in memory is found one by one as fast.
      guard layers.runs.isEmpty else { return false }
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
  /// `after` goes on behind the last row of an earlier scan over the same range, also one of another process.
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
