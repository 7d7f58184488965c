/// A source of reads and scans: a ``Snapshot``, a ``Reader`` or a ``Transaction``.
///
/// A function that takes any of them has a parameter `borrowing some ReadableView & ~Copyable`.
public protocol ReadableView: ~Copyable {
  /// Calls `body` with the bytes of a key's value, uncopied, and throws only `StoreError`; `nil` if there is none.
  func withBytes<K, V, R>(
    _ key: K.Value, in table: Table<K, V>, _ body: (RawSpan) throws(StoreError) -> R
  ) throws(StoreError) -> R?

  /// The values of many keys, in their order; `nil` where there is none.
  func multiGet<K, V>(_ keys: [K.Value], in table: Table<K, V>) throws(StoreError) -> [V.Value?]

  /// Scans the rows of a range in order, lazily.
  ///
  /// `after` goes on behind the last row of an earlier scan over the same range.
  func scan<K, V>(
    _ table: Table<K, V>, _ range: ScanRange<K>, _ order: ScanOrder, after: ScanContinuation?
  ) throws(StoreError) -> Cursor<K, V>
}

extension ReadableView where Self: ~Copyable {
  /// The value of a key; `nil` if there is none.
  @inlinable
  public func get<K, V>(_ key: K.Value, in table: Table<K, V>) throws(StoreError) -> V.Value? {
    try withBytes(key, in: table) { (bytes) throws(StoreError) in try table.value(bytes, of: key) }
  }

  /// Whether a key has a value.
  @inlinable
  public func contains<K, V>(_ key: K.Value, in table: Table<K, V>) throws(StoreError) -> Bool {
    try withBytes(key, in: table) { (_) throws(StoreError) in } != nil
  }

  /// Calls `body` with the bytes of a key's value, without a copy; `nil` if there is none.
  @inlinable
  public func withBytes<K, V, R>(
    _ key: K.Value, in table: Table<K, V>, _ body: (RawSpan) throws -> R
  ) throws -> R? {
    try withBytes(key, in: table) { (bytes) throws(StoreError) in Result { try body(bytes) } }?.get()
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
  /// With `after`, the scan resumes after the last row of an earlier scan over the same range; for a snapshot also of
  /// another process.
  @inlinable
  public func scan<K, V>(
    _ table: Table<K, V>, _ range: ScanRange<K> = .all, _ order: ScanOrder = .ascending,
    after: ScanContinuation? = nil
  ) throws(StoreError) -> Cursor<K, V> {
    try scan(table, range, order, after: after)
  }

  /// Scans the rows whose keys lie in a Swift range, as `"a"..<"b"`, `1...9` or `key...`, in order, lazily.
  @inlinable
  public func scan<K, V, Bounds: KeyBounds>(
    _ table: Table<K, V>, _ range: Bounds, _ order: ScanOrder = .ascending, after: ScanContinuation? = nil
  ) throws(StoreError) -> Cursor<K, V> where Bounds.Bound == K.Value {
    try scan(table, .range(range), order, after: after)
  }

  /// The row with the smallest key of a range; `nil` if there is none.
  @inlinable
  public func first<K, V>(
    in table: Table<K, V>, _ range: ScanRange<K> = .all
  ) throws(StoreError) -> (key: K.Value, value: V.Value)? {
    var rows = try scan(table, range)
    return try rows.next()
  }

  /// The row with the smallest key that is `key` or greater; `nil` if there is none.
  @inlinable
  public func first<K, V>(
    in table: Table<K, V>, from key: K.Value
  ) throws(StoreError) -> (key: K.Value, value: V.Value)? {
    try first(in: table, .from(key))
  }

  /// The row with the greatest key of a range; `nil` if there is none.
  @inlinable
  public func last<K, V>(
    in table: Table<K, V>, _ range: ScanRange<K> = .all
  ) throws(StoreError) -> (key: K.Value, value: V.Value)? {
    var rows = try scan(table, range, .descending)
    return try rows.next()
  }

  /// The row with the greatest key that is `key` or smaller; `nil` if there is none.
  @inlinable
  public func last<K, V>(
    in table: Table<K, V>, through key: K.Value
  ) throws(StoreError) -> (key: K.Value, value: V.Value)? {
    try last(in: table, .through(key))
  }
}
