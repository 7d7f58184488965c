public import Changelog

/// The uncommitted changes of a store's one writer.
///
/// Reads see them first, then the committed state.
///
/// A commit is atomic over all tables. After one, or after ``abort()``, the transaction is empty and can be used again;
/// when it goes out of scope, what is uncommitted is dropped. Use it on one thread at a time.
public struct Transaction: ~Copyable, Sendable, ReadableView {
  @usableFromInline let core: TransactionCore

  init(_ core: TransactionCore) { self.core = core }

  deinit { core.end() }

  // MARK: Reading

  /// Calls `body` with the bytes of a key's value, without a copy, and throws `StoreError` alone; `nil` if there is none.
  ///
  /// `body` may read other keys.
  @inlinable
  public func withBytes<K, V, R>(
    _ key: K.Value, in table: Table<K, V>, _ body: (RawSpan) throws(StoreError) -> R
  ) throws(StoreError) -> R? {
    try find(key, in: table).withBytes(body)
  }

  @inlinable
  func find<K, V>(_ key: K.Value, in table: Table<K, V>) throws(StoreError) -> FoundValue {
    try core.select(table)
    try core.encodeKey(key, with: table.key)
    return try core.find()
  }

  /// Scans the rows of a range in order, lazily.
  ///
  /// The transaction may be written while the scan goes on: each step sees the transaction as it then is. `after` goes on
  /// behind the last row of an earlier scan over the same range.
  public func scan<K, V>(
    _ table: Table<K, V>, _ range: ScanRange<K>, _ order: ScanOrder, after: ScanContinuation?
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
    try attemptUpdate(key, in: table, change).get()
  }

  /// Changes the value of a key in place, and throws `StoreError` alone.
  @inlinable
  public mutating func update<K, V>(
    _ key: K.Value, in table: Table<K, V>, _ change: (inout V.Value?) throws(StoreError) -> Void
  ) throws(StoreError) {
    try attemptUpdate(key, in: table, change).get()
  }

  /// Changes the value of a key in place, as a dictionary does: `change` gets the value, or `defaultValue` where there is
  /// none, and what it leaves is set.
  ///
  /// ```swift
  /// try transaction.update("anna", in: balances, default: 0) { $0 += 10 }
  /// ```
  @inlinable
  public mutating func update<K, V>(
    _ key: K.Value, in table: Table<K, V>, default defaultValue: @autoclosure () -> V.Value,
    _ change: (inout V.Value) throws -> Void
  ) throws {
    try update(key, in: table) { value in
      var changed = value ?? defaultValue()
      try change(&changed)
      value = changed
    }
  }

  /// Changes the value of a key in place, from `defaultValue` where there is none, and throws `StoreError` alone.
  @inlinable
  public mutating func update<K, V>(
    _ key: K.Value, in table: Table<K, V>, default defaultValue: @autoclosure () -> V.Value,
    _ change: (inout V.Value) throws(StoreError) -> Void
  ) throws(StoreError) {
    try update(key, in: table) { (value) throws(StoreError) in
      var changed = value ?? defaultValue()
      try change(&changed)
      value = changed
    }
  }

  /// Answers what `change` threw; throws what the store says.
  @inlinable
  mutating func attemptUpdate<K, V, E: Error>(
    _ key: K.Value, in table: Table<K, V>, _ change: (inout V.Value?) throws(E) -> Void
  ) throws(StoreError) -> Result<Void, E> {
    try core.select(table)
    try core.encodeKey(key, with: table.key)
    var value = try core.find().decoded(in: table, key)
    let existed = value != nil
    do throws(E) { try change(&value) } catch { return .failure(error) }
    if let value {
      try core.encodeValue(value, with: table.value)
      try core.put()
    } else if existed {
      try core.delete()
    }
    return .success(())
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
  /// Scans step over deleted rows one by one, until compactions have dropped them. A transaction of the store remembers where its
  /// scans have met many, and the next begins behind them. A snapshot doesn't: one that looks at the front of an emptied queue should
  /// scan from where the last row was.
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

  /// Deletes the rows whose keys lie in a Swift range, as the transaction sees them; answers how many there were.
  @discardableResult
  public mutating func deleteRange<K, V, Bounds: KeyBounds>(
    _ range: Bounds, in table: Table<K, V>
  ) throws(StoreError) -> Int where Bounds.Bound == K.Value {
    try deleteRange(.range(range), in: table)
  }

  /// Deletes all rows of a table, as the transaction sees them; answers how many there were.
  ///
  /// O(rows), as `deleteRange(_:in:)` is: a table that is larger than a transaction may be is emptied in
  /// several commits, or dropped (``StateStore/drop(_:)``).
  @discardableResult
  public mutating func removeAll<K, V>(in table: Table<K, V>) throws(StoreError) -> Int {
    try deleteRange(.all, in: table)
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
    try attemptSavepoint(body).get()
  }

  /// Runs `body`, with what it changed rolled back if it throws; throws `StoreError` alone.
  public mutating func savepoint<R>(
    _ body: (inout Transaction) throws(StoreError) -> R
  ) throws(StoreError) -> R {
    try attemptSavepoint(body).get()
  }

  /// Answers what `body` returned or threw; throws what the store says.
  private mutating func attemptSavepoint<R, E: Error>(
    _ body: (inout Transaction) throws(E) -> R
  ) throws(StoreError) -> Result<R, E> {
    try core.checkWritable()
    let savepoint = core.setSavepoint()
    do throws(E) {
      let result = try body(&self)
      core.release(savepoint)
      return .success(result)
    } catch {
      core.rollBack(to: savepoint)
      return .failure(error)
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
  ///
  /// Throws `invalidArgument` in a savepoint, and in the closure of a write, which commits when the closure returns.
  public mutating func commit(_ position: Position = [:]) throws(StoreError) { try core.commit(position) }

  /// Drops all uncommitted changes.
  ///
  /// In the closure of a write, throw an error instead: a write whose closure returns after an abort commits nothing, and throws
  /// `invalidArgument`.
  public mutating func abort() { core.abort() }
}
