public import Changelog

/// Whether a reader sees what isn't committed.
public enum IsolationLevel: Sendable {
  /// What is committed, and nothing else.
  case readCommitted
  /// Over it the changes of the store's open transaction, which may be aborted later.
  case readUncommitted
}

/// Reads of a store that see the latest, each by itself; for reads that belong together take a ``Snapshot``.
///
/// Of one key it never shows something older than it did before, unless a transaction that it looked into is aborted, rolled
/// back, or ends behind a commit that is unknown. A value: copy it, send it to other threads. It keeps no files or memory for
/// itself, but the store's directory stays in use for as long as there is one. Scans end like those of snapshots do
/// (``StoreOptions/snapshotExpiry``).
public struct Reader: Sendable, ReadableView {
  private let writer: StoreWriter
  @usableFromInline let tables: OpenTables
  /// What it sees.
  public let isolation: IsolationLevel

  init(_ writer: StoreWriter, _ isolation: IsolationLevel) {
    self.writer = writer
    tables = writer.tables
    self.isolation = isolation
  }

  /// The changelog offset of the last commit.
  public var offset: Offset { writer.materializer.state.offset }
  /// How far each input partition was consumed by the last commit.
  public var position: Position { writer.materializer.state.position }
  /// The greatest event timestamp that is committed.
  public var streamTime: Timestamp? { writer.materializer.state.streamTime }

  /// Calls `body` with the bytes of a key's value, without a copy, and throws `StoreError` alone; `nil` if there is none.
  @inlinable
  public func withBytes<K, V, R>(
    _ key: K.Value, in table: Table<K, V>, _ body: (RawSpan) throws(StoreError) -> R
  ) throws(StoreError) -> R? {
    try find(key, in: table).withBytes(body)
  }

  @inlinable
  func find<K, V>(_ key: K.Value, in table: Table<K, V>) throws(StoreError) -> FoundValue {
    let open = try tables.table(table)
    var buffer = ByteWriter(capacity: 64)
    try table.key.encode(key, into: &buffer)
    return try find(buffer.bytes, in: open)
  }

  @usableFromInline
  func find(_ key: RawSpan, in table: OpenTable) throws(StoreError) -> FoundValue {
    switch isolation {
    case .readCommitted: try writer.materializer.find(key, in: table)
    case .readUncommitted: try writer.findUncommitted(key, in: table)
    }
  }

  /// Scans the rows of a range in order, lazily.
  ///
  /// All steps see one commit, the last when the scan begins. `after` goes on behind the last row of an earlier scan over the
  /// same range.
  ///
  /// Over the commit `readUncommitted` lays the changes of the range. It copies them first, O(changes), a few at a time, so
  /// that of what the transaction does meanwhile it may show a part. The copy counts against the memory budget: where that has
  /// no room, the scan throws `overBudget`. Commits and snapshots don't wait for it, unless commits come so fast that each copy
  /// is outdated before it is done.
  public func scan<K, V>(
    _ table: Table<K, V>, _ range: ScanRange<K>, _ order: ScanOrder, after: ScanContinuation?
  ) throws(StoreError) -> Cursor<K, V> {
    let open = try tables.table(table)
    let bounds = try range.bounds(table.key)
    let rest = after.map { bounds.continued(after: $0.lastKey, order) } ?? bounds
    let view =
      switch isolation {
      case .readCommitted: try writer.materializer.makeView(of: tables)
      case .readUncommitted: try writer.makeView(withUncommitted: rest, of: open)
      }
    return Cursor(table, try RowCursor(view, open, range: bounds, order: order, after: after, isLive: false))
  }
}
