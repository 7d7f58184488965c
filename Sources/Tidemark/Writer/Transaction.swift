public import Changelog

/// The uncommitted changes of a store's one writer.
///
/// Reads see them first, then the committed state.
///
/// A commit is atomic over all tables. After one, or after ``abort()``, the transaction is empty and can be used again;
/// when it goes out of scope, what is uncommitted is dropped. Use it on one thread at a time.
public struct Transaction: ~Copyable, Sendable {
  @usableFromInline let core: TransactionCore

  init(_ core: TransactionCore) { self.core = core }

  deinit { core.end() }

  // MARK: Reading

  /// The value of a key; `nil` if there is none.
  @inlinable
  public func get<K, V>(_ key: K.Value, in table: Table<K, V>) throws(StoreError) -> V.Value? {
    try find(key, in: table).decoded(in: table, key)
  }

  /// Calls `body` with the bytes of a key's value, without a copy; `nil` if there is none.
  ///
  /// `body` may read other keys.
  @inlinable
  public func withBytes<K, V, R>(
    _ key: K.Value, in table: Table<K, V>, _ body: (RawSpan) throws -> R
  ) throws -> R? {
    try find(key, in: table).withBytes(body)
  }

  @inlinable
  func find<K, V>(_ key: K.Value, in table: Table<K, V>) throws(StoreError) -> FoundValue {
    try core.select(table)
    try core.encodeKey(key, with: table.key)
    return try core.find()
  }

  /// The values of many keys, in their order; `nil` where there is none.
  public func multiGet<K, V>(_ keys: [K.Value], in table: Table<K, V>) throws(StoreError) -> [V.Value?] {
    var values: [V.Value?] = []
    values.reserveCapacity(keys.count)
    for key in keys { values.append(try get(key, in: table)) }
    return values
  }

  /// Scans the rows of a range in order, lazily.
  ///
  /// The transaction may be written while the scan goes on: each step sees the transaction as it then is. `after` goes on
  /// behind the last row of an earlier scan over the same range.
  public func scan<K, V>(
    _ table: Table<K, V>, _ range: ScanRange<K> = .all, _ order: ScanOrder = .ascending,
    after: ScanContinuation? = nil
  ) throws(StoreError) -> Cursor<K, V> {
    Cursor(
      table,
      try RowCursor(
        core, try core.tables.table(table), range: try range.bounds(table.key), order: order, after: after,
        isLive: true))
  }

  // MARK: Writing

  /// Sets the value of a key.
  ///
  /// Throws `overBudget` with nothing changed at the hard limit or when the memory budget is used up.
  @inlinable
  public mutating func put<K, V>(_ key: K.Value, _ value: V.Value, in table: Table<K, V>) throws(StoreError) {
    try core.select(table)
    try core.encodeKey(key, with: table.key)
    try core.encodeValue(value, with: table.value)
    try core.put()
  }

  /// Sets the value of a key that has none; answers whether it did.
  @discardableResult
  @inlinable
  public mutating func putIfAbsent<K, V>(
    _ key: K.Value, _ value: V.Value, in table: Table<K, V>
  ) throws(StoreError) -> Bool {
    try core.select(table)
    try core.encodeKey(key, with: table.key)
    if try core.find().isPresent { return false }
    try core.encodeValue(value, with: table.value)
    try core.put()
    return true
  }

  /// Changes the value of a key in place: `change` gets the value or `nil`, and what it leaves is set; `nil` deletes.
  @inlinable
  public mutating func update<K, V>(
    _ key: K.Value, in table: Table<K, V>, _ change: (inout V.Value?) throws -> Void
  ) throws {
    try core.select(table)
    try core.encodeKey(key, with: table.key)
    var value = try core.find().decoded(in: table, key)
    let existed = value != nil
    try change(&value)
    if let value {
      try core.encodeValue(value, with: table.value)
      try core.put()
    } else if existed {
      try core.delete()
    }
  }

  /// Deletes a key, whether or not it has a value.
  @inlinable
  public mutating func delete<K, V>(_ key: K.Value, in table: Table<K, V>) throws(StoreError) {
    try core.select(table)
    try core.encodeKey(key, with: table.key)
    try core.delete()
  }

  /// Deletes the rows of a range, as the transaction sees them; answers how many there were.
  ///
  /// O(rows): the changelog records each deleted key. Throws `overBudget` with nothing changed, as ``put(_:_:in:)`` does.
  ///
  /// Until compactions have dropped them, scans step over deleted rows one by one: a scan that begins before many deleted
  /// rows takes as long as one over as many rows. A queue that is emptied at its front should remember where its front is, and
  /// scan from there.
  @discardableResult
  public mutating func deleteRange<K, V>(_ range: ScanRange<K>, in table: Table<K, V>) throws(StoreError) -> Int {
    let open = try core.tables.table(table)
    let bounds = try range.bounds(table.key)
    try core.checkWritable()
    let savepoint = core.setSavepoint()
    do throws(StoreError) {
      let deleted = try deleteRows(bounds, in: open)
      core.release(savepoint)
      return deleted
    } catch {
      core.rollBack(to: savepoint)
      throw error
    }
  }

  private func deleteRows(_ bounds: KeyRange, in open: OpenTable) throws(StoreError) -> Int {
    var deleted = 0
    var after: ScanContinuation?
    repeat {
      // Keys are gathered before they are deleted: each deletion would make the cursor take another iterator.
      let rows = try RowCursor(core, open, range: bounds, order: .ascending, after: after, isLive: true)
      var keys: [[UInt8]] = []
      while keys.count < 1000, try rows.next() { keys.append(rows.key.array) }
      for key in keys { try core.delete(key.rawSpan, in: open) }
      deleted += keys.count
      after = keys.last.map { ScanContinuation(lastKey: $0) }
    } while after != nil
    return deleted
  }

  /// Advances stream time to an event's timestamp, unless it is already later.
  public mutating func advance(streamTime time: Timestamp) { core.advance(streamTime: time) }

  /// The greatest event timestamp seen, with those of this transaction.
  public var streamTime: Timestamp? { core.streamTime }

  /// Runs `body`; if it throws, what it changed is rolled back, and what was changed before stays.
  ///
  /// Savepoints nest. ``commit(_:)`` throws `invalidArgument` inside of one; ``abort()`` drops everything, also what was
  /// changed before the savepoint.
  public mutating func savepoint<R>(_ body: (inout Transaction) throws -> R) throws -> R {
    try core.checkWritable()
    let savepoint = core.setSavepoint()
    do {
      let result = try body(&self)
      core.release(savepoint)
      return result
    } catch {
      core.rollBack(to: savepoint)
      throw error
    }
  }

  // MARK: Committing

  /// How many keys are changed.
  public var uncommittedEntries: Int { core.uncommittedEntries }
  /// How many bytes the uncommitted changes take in memory, with their index.
  public var uncommittedBytes: Int { core.uncommittedBytes }
  /// Whether a soft limit is reached, or the memory budget asks for an early commit.
  public var shouldCommit: Bool { core.shouldCommit }

  /// Commits all changes, together with how far the inputs are consumed and the stream time.
  ///
  /// When it returns, the commit is as durable as the changelog's setting says, and readers see it. Partitions that
  /// `position` doesn't name stay where they were. A transaction without changes, positions or a later stream time
  /// appends nothing.
  ///
  /// Throws `unavailable`, `outOfSpace` or `tooLarge` when it is *not committed*: all stays staged, to be tried again or
  /// aborted. Throws `commitUnknown` when that can't be told: the store then refuses writes until it is reopened, and
  /// restore decides by what the changelog holds.
  public mutating func commit(_ position: Position = [:]) throws(StoreError) { try core.commit(position) }

  /// Drops all uncommitted changes.
  public mutating func abort() { core.clear() }
}
