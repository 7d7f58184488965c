public import Changelog

/// The uncommitted changes of a store's one writer.
///
/// Reads see them first, then the committed state.
///
/// A commit is atomic over all tables. After a commit or ``abort()``, the transaction is empty and can be used again.
/// When it goes out of scope, uncommitted changes are dropped. Use it on one thread at a time.
public struct Transaction: ~Copyable, Sendable, ReadableView {
  @usableFromInline let core: TransactionCore

  init(_ core: TransactionCore) { self.core = core }

  deinit { core.end() }

  // MARK: Reading

  /// Calls `body` with the bytes of a key's value, uncopied, and throws only `StoreError`; `nil` if there is none.
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
  /// The transaction may be written during the scan: each step sees the current changes. With `after`, the scan resumes
  /// after the last row of an earlier scan over the same range.
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

  /// Sets the value of a key that has none; returns whether it did.
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

  /// Changes the value of a key in place: `change` modifies the value or `nil`, and the result is set; `nil` deletes
  /// the key.
  @inlinable
  public mutating func update<K, V>(
    _ key: K.Value, in table: Table<K, V>, _ change: (inout V.Value?) throws -> Void
  ) throws {
    try attemptUpdate(key, in: table, change).get()
  }

  /// Changes the value of a key in place, and throws only `StoreError`.
  @inlinable
  public mutating func update<K, V>(
    _ key: K.Value, in table: Table<K, V>, _ change: (inout V.Value?) throws(StoreError) -> Void
  ) throws(StoreError) {
    try attemptUpdate(key, in: table, change).get()
  }

  /// Changes the value of a key in place, as a dictionary does: `change` modifies the value, or `defaultValue` if there
  /// is none, and the result is set.
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

  /// Changes the value of a key in place, from `defaultValue` if there is none, and throws only `StoreError`.
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

  /// Returns the error of `change`; throws the errors of the store.
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

  /// Deletes the rows of a range, as the transaction sees them; returns their number.
  ///
  /// O(rows): the changelog records each deleted key. Throws `overBudget` with nothing changed, as ``put(_:_:in:)`` does.
  ///
  /// Scans step over deleted rows (tombstones) one by one until compactions have dropped them, so they cost as much as
  /// rows. A transaction remembers where its scans have met many of them, and its next scans begin after those. A snapshot
  /// doesn't: a reader that looks at the front of an emptied queue should scan from the key of the last row it saw.
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

  /// Deletes the rows whose keys lie in a Swift range, as the transaction sees them; returns their number.
  @discardableResult
  public mutating func deleteRange<K, V, Bounds: KeyBounds>(
    _ range: Bounds, in table: Table<K, V>
  ) throws(StoreError) -> Int where Bounds.Bound == K.Value {
    try deleteRange(.range(range), in: table)
  }

  /// Deletes all rows of a table, as the transaction sees them; returns their number.
  ///
  /// Takes O(rows), as `deleteRange(_:in:)` does. If the table is larger than a transaction may be, delete it in
  /// several commits, or drop it (``StateStore/drop(_:)``).
  @discardableResult
  public mutating func removeAll<K, V>(in table: Table<K, V>) throws(StoreError) -> Int {
    try deleteRange(.all, in: table)
  }

  private func deleteRows(_ bounds: KeyRange, in open: OpenTable) throws(StoreError) -> Int {
    var deleted = 0
    var after: ScanContinuation?
    repeat {
      // Keys are collected before they are deleted: after each deletion the cursor would need a fresh iterator.
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

  /// The greatest event timestamp so far, including those of this transaction.
  public var streamTime: Timestamp? { core.streamTime }

  /// Runs `body`; if it throws, its changes are rolled back, and earlier changes stay.
  ///
  /// Savepoints nest. ``commit(_:)`` throws `invalidArgument` inside of a savepoint; ``abort()`` drops all changes,
  /// also those before the savepoint.
  public mutating func savepoint<R>(_ body: (inout Transaction) throws -> R) throws -> R {
    try attemptSavepoint(body).get()
  }

  /// Runs `body`, and rolls its changes back if it throws; throws only `StoreError`.
  public mutating func savepoint<R>(
    _ body: (inout Transaction) throws(StoreError) -> R
  ) throws(StoreError) -> R {
    try attemptSavepoint(body).get()
  }

  /// Returns the result or the error of `body`; throws the errors of the store.
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

  /// The number of changed keys.
  public var uncommittedEntries: Int { core.uncommittedEntries }
  /// Bytes of memory of the uncommitted changes, including their index.
  public var uncommittedBytes: Int { core.uncommittedBytes }
  /// Whether a soft limit is reached, or the memory budget asks for an early commit.
  public var shouldCommit: Bool { core.shouldCommit }

  /// Commits all changes, together with the input positions and the stream time.
  ///
  /// On return, the commit has the durability of the changelog, and readers see it. Partitions that `position` doesn't
  /// name keep their positions. A transaction without changes, positions or a later stream time appends nothing.
  ///
  /// Throws `unavailable`, `outOfSpace` or `tooLarge` if the changes are *not committed*: they stay staged; commit
  /// again or abort. Throws `commitUnknown` if the store can't tell: it refuses writes until it is reopened, and then
  /// applies the commit if the changelog holds it.
  ///
  /// Throws `invalidArgument` in a savepoint, and in the closure of a `write`, which commits when the closure returns.
  public mutating func commit(_ position: Position = [:]) throws(StoreError) { try core.commit(position) }

  /// Drops all uncommitted changes.
  ///
  /// In the closure of a `write`, throw an error instead: if the closure returns after an abort, the `write` commits
  /// nothing and throws `invalidArgument`.
  public mutating func abort() { core.abort() }
}
