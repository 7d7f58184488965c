public import Changelog

/// Whether a reader sees uncommitted changes.
public enum IsolationLevel: Sendable {
  /// Committed rows only.
  case readCommitted
  /// Committed rows and the changes of the store's open transaction, which may be aborted later.
  case readUncommitted
}

/// Independent reads that each see the latest state; for reads of one common state take a ``Snapshot``.
///
/// For one key, it never shows an older value than before, unless the transaction whose changes it showed is aborted,
/// rolled back, or ends after an unknown commit. A reader is a value: copy it, send it to other threads. It holds no
/// files or memory, but the store's directory stays locked as long as a reader exists. Scans expire like those of
/// snapshots (``StoreOptions/snapshotExpiry``).
public struct Reader: Sendable, ReadableView {
  private let writer: StoreWriter
  @usableFromInline let tables: OpenTables
  /// The isolation level of its reads.
  public let isolation: IsolationLevel

  init(_ writer: StoreWriter, _ isolation: IsolationLevel) {
    self.writer = writer
    tables = writer.tables
    self.isolation = isolation
  }

  /// The changelog offset of the last commit.
  public var offset: Offset { writer.materializer.state.offset }
  /// For each input partition, the offset of the next record to read, as of the last commit.
  public var position: Position { writer.materializer.state.position }
  /// The greatest committed event timestamp.
  public var streamTime: Timestamp? { writer.materializer.state.streamTime }

  /// Calls `body` with the bytes of a key's value, uncopied, and throws only `StoreError`; `nil` if there is none.
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
  /// All steps see one commit, the last one when the scan begins. With `after`, the scan resumes after the last row of
  /// an earlier scan over the same range.
  ///
  /// With `readUncommitted`, the scan also shows the uncommitted changes of the range. It copies them first, in
  /// O(changes), a few at a time, so it may show a part of the changes that the transaction makes meanwhile. The copy
  /// counts against the memory budget: if the budget has no room, the scan throws `overBudget`. Commits and snapshots
  /// don't wait for the copy, unless commits come so fast that each copy is outdated before it is complete.
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
