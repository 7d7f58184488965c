internal import CRocksDB

/// What a batch says about one key.
public enum BatchLookup<R: ~Copyable>: ~Copyable {
  /// It doesn't change the key.
  case absent
  /// It deletes the key.
  case deleted
  /// It gives the key a value.
  case value(R)
}

extension BatchLookup: Copyable where R: Copyable {}
extension BatchLookup: Sendable where R: Sendable & ~Copyable {}
extension BatchLookup: Equatable where R: Equatable {}

extension IndexedWriteBatch {
  /// Looks a key up in the batch alone, without a copy of its value.
  @inlinable
  public func lookUp<R: ~Copyable>(
    _ key: RawSpan, in family: borrowing ColumnFamily, _ body: (RawSpan) -> R
  ) -> BatchLookup<R> {
    let entry = find(key, family)
    if !entry.isPresent { return .absent }
    return entry.isDeletion ? .deleted : .value(body(entry.value))
  }

  /// Reads a key through the batch: its change if there is one, else the database's value; nil if there is none.
  @inlinable
  public func withValue<R: ~Copyable>(
    _ key: RawSpan, in family: borrowing ColumnFamily, database: borrowing Database, _ body: (RawSpan) -> R
  ) throws(RocksDBError) -> R? {
    let entry = find(key, family)
    if !entry.isPresent { return try database.withValue(key, in: family, body) }
    return entry.isDeletion ? nil : body(entry.value)
  }

  /// Reads a key through the batch: its change if there is one, else its value in the snapshot; nil if there is none.
  @inlinable
  public func withValue<R: ~Copyable>(
    _ key: RawSpan, in family: borrowing ColumnFamily, database: borrowing Database, at snapshot: borrowing Snapshot,
    _ body: (RawSpan) -> R
  ) throws(RocksDBError) -> R? {
    let entry = find(key, family)
    if !entry.isPresent { return try database.withValue(key, in: family, at: snapshot, body) }
    return entry.isDeletion ? nil : body(entry.value)
  }

  @usableFromInline
  @_lifetime(borrow self)
  func find(_ key: RawSpan, _ family: borrowing ColumnFamily) -> BatchEntry {
    var entry = unsafe RDBEntry()
    let family = unsafe family.handle
    unsafe require(key.lend { unsafe rdb_indexed_batch_look_up(handle, family, $0, $1, &entry) })
    return unsafe _overrideLifetime(BatchEntry(entry), borrowing: self)
  }

  /// Calls `body` for each key that the batch changes in a column family, in key order, with its last change.
  ///
  /// The value is nil for a deletion. It stops at the first error that `body` throws.
  public func forEachNetEntry<E: Error>(
    in family: borrowing ColumnFamily, _ body: (_ key: RawSpan, _ value: RawSpan?) throws(E) -> Void
  ) throws(E) {
    var entries: OpaquePointer?
    var current = unsafe RDBEntry()
    unsafe require(rdb_net_entries_create(handle, family.handle, &entries, &current))
    // Proof: a status that is ok comes with a handle, which lives until the end of this function.
    let walk = unsafe entries!
    defer { unsafe rdb_net_entries_destroy(walk) }
    while unsafe current.valid {
      let entry = unsafe BatchEntry(current)
      try body(entry.key, entry.isDeletion ? nil : entry.value)
      unsafe require(rdb_net_entries_next(walk, &current))
    }
  }

  /// Makes an iterator that shows a column family as it is with the batch applied.
  ///
  /// `base` must walk the same column family. Until the iterator is gone the batch must not change.
  public func makeIterator(in family: borrowing ColumnFamily, over base: consuming Iterator) -> Iterator {
    let base = unsafe base.take()
    let family = unsafe family.handle
    return unsafe Iterator(taking: requireHandle { unsafe rdb_indexed_batch_iterator(handle, family, base, $0) })
  }
}

/// One entry of a batch, good as long as the batch doesn't change.
@usableFromInline
@safe
struct BatchEntry: ~Escapable {
  @usableFromInline let isPresent: Bool
  @usableFromInline let isDeletion: Bool
  private let keyStart: UnsafeRawPointer?
  private let keyCount: Int
  private let valueStart: UnsafeRawPointer?
  private let valueCount: Int

  @_lifetime(immortal)
  init(_ entry: RDBEntry) {
    isPresent = unsafe entry.valid
    isDeletion = unsafe entry.deleted
    unsafe keyStart = entry.key
    unsafe keyCount = entry.key_length
    unsafe valueStart = entry.value
    unsafe valueCount = entry.value_length
  }

  @usableFromInline
  var key: RawSpan {
    @_lifetime(copy self)
    get {
      // Proof: the batch holds these bytes as long as this entry's lifetime.
      let span = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(start: keyStart, count: keyCount))
      return unsafe _overrideLifetime(span, copying: self)
    }
  }

  @usableFromInline
  var value: RawSpan {
    @_lifetime(copy self)
    get {
      // Proof: as for the key.
      let span = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(start: valueStart, count: valueCount))
      return unsafe _overrideLifetime(span, copying: self)
    }
  }
}
