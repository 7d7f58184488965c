internal import CRocksDB

extension Database {
  /// Reads the value of a key without copying it; nil if there is none.
  ///
  /// `body` gets the value's bytes, which are pinned until it returns.
  @inlinable
  public func withValue<R: ~Copyable>(
    _ key: RawSpan, in family: borrowing ColumnFamily, _ body: (RawSpan) -> R
  ) throws(RocksDBError) -> R? {
    let value = try pin(key, in: family)
    return value.isPresent ? body(value.bytes) : nil
  }

  /// Reads the value that a key has in a snapshot without copying it; nil if there is none.
  ///
  /// `body` gets the value's bytes, which are pinned until it returns.
  @inlinable
  public func withValue<R: ~Copyable>(
    _ key: RawSpan, in family: borrowing ColumnFamily, at snapshot: borrowing Snapshot,
    _ body: (RawSpan) -> R
  ) throws(RocksDBError) -> R? {
    let value = try pin(key, in: family, at: snapshot)
    return value.isPresent ? body(value.bytes) : nil
  }

  /// Reads the value of a key and holds it in place.
  public func pin(
    _ key: RawSpan, in family: borrowing ColumnFamily
  ) throws(RocksDBError) -> PinnedValue {
    unsafe try pin(key, family.handle, nil)
  }

  /// Reads the value that a key has in a snapshot and holds it in place.
  public func pin(
    _ key: RawSpan, in family: borrowing ColumnFamily, at snapshot: borrowing Snapshot
  ) throws(RocksDBError) -> PinnedValue {
    unsafe try pin(key, family.handle, snapshot.handle)
  }

  private func pin(
    _ key: RawSpan, _ family: OpaquePointer, _ snapshot: OpaquePointer?
  ) throws(RocksDBError) -> PinnedValue {
    var pinned = unsafe RDBPinned()
    // Proof: the handles are borrowed by the callers, and the key is lent for the call.
    unsafe try check(key.lend { unsafe rdb_get(handle, family, snapshot, $0, $1, &pinned) })
    return unsafe PinnedValue(pin: pinned.pin, start: pinned.bytes, count: pinned.length)
  }

  /// Reads many keys of one column family together, faster than one by one.
  ///
  /// `body` is called once for each key, in order, with the key's index and its value, or nil if there is none.
  public func withValues(
    _ keys: borrowing KeyList, in family: borrowing ColumnFamily,
    _ body: (Int, RawSpan?) -> Void
  ) throws(RocksDBError) {
    unsafe try readMany(keys, family.handle, nil, body)
  }

  /// Reads many keys of one column family together, as they are in a snapshot.
  ///
  /// `body` is called once for each key, in order, with the key's index and its value, or nil if there is none.
  public func withValues(
    _ keys: borrowing KeyList, in family: borrowing ColumnFamily, at snapshot: borrowing Snapshot,
    _ body: (Int, RawSpan?) -> Void
  ) throws(RocksDBError) {
    unsafe try readMany(keys, family.handle, snapshot.handle, body)
  }

  private func readMany(
    _ keys: borrowing KeyList, _ family: OpaquePointer, _ snapshot: OpaquePointer?,
    _ body: (Int, RawSpan?) -> Void
  ) throws(RocksDBError) {
    // Proof: the handles are borrowed by the callers; keys and ends are lent for the call; the values live until the
    // end of this function.
    let values = unsafe try makeHandle { out in
      unsafe keys.lend { unsafe rdb_multi_get(handle, family, snapshot, $0, $1, $2, out) }
    }
    defer { unsafe rdb_values_destroy(values) }
    for index in 0..<keys.count {
      var slice = unsafe RDBSlice(bytes: UnsafeRawPointer(bitPattern: 1)!, length: 0)
      if unsafe rdb_values_at(values, index, &slice) {
        body(index, unsafe RawSpan(_unsafeStart: slice.bytes, byteCount: slice.length))
      } else {
        body(index, nil)
      }
    }
  }

  /// Takes a snapshot of all column families.
  public func makeSnapshot() -> Snapshot {
    unsafe Snapshot(taking: requireHandle { out in unsafe rdb_snapshot_create(handle, out) })
  }

  /// Makes an iterator over a column family as it is at this moment; the iterator isn't positioned yet.
  ///
  /// A failure to make it is reported by ``Iterator/checkStatus()``; a column family of another database stops the
  /// program. Without `fillCache` the blocks that it reads don't push others out of the cache.
  public func makeIterator(
    in family: borrowing ColumnFamily, fillCache: Bool = true
  ) -> Iterator {
    unsafe Iterator(
      taking: requireHandle { out in unsafe rdb_iterator_create(handle, family.handle, nil, fillCache, out) })
  }

  /// Makes an iterator over a column family as it is in a snapshot; the iterator isn't positioned yet.
  ///
  /// It may outlive the snapshot. A column family or a snapshot of another database stops the program.
  public func makeIterator(
    in family: borrowing ColumnFamily, at snapshot: borrowing Snapshot, fillCache: Bool = true
  ) -> Iterator {
    unsafe Iterator(
      taking: requireHandle { out in
        unsafe rdb_iterator_create(handle, family.handle, snapshot.handle, fillCache, out)
      })
  }
}

/// The result of a read; the value is held in place as long as this object lives.
///
/// Release it on the thread that read it.
@safe
public struct PinnedValue: ~Copyable {
  @usableFromInline let pin: UnsafeMutableRawPointer?
  @usableFromInline let start: UnsafeRawPointer?
  @usableFromInline let count: Int

  init(pin: UnsafeMutableRawPointer?, start: UnsafeRawPointer?, count: Int) {
    unsafe self.pin = pin
    unsafe self.start = start
    self.count = count
  }

  deinit { if let pin = unsafe pin { unsafe rdb_unpin(pin) } }

  /// Hands out the pin, `nil` if there is none, and the value's location: the caller releases the pin with
  /// ``unpin(_:)``, on the thread that read it.
  @unsafe
  public consuming func takePin() -> (pin: UnsafeMutableRawPointer?, start: UnsafeRawPointer?, count: Int) {
    let parts = unsafe (pin: pin, start: start, count: count)
    discard self
    return unsafe parts
  }

  /// Releases a pin that ``takePin()`` handed out.
  @unsafe
  public static func unpin(_ pin: UnsafeMutableRawPointer) { unsafe rdb_unpin(pin) }

  /// Whether the key has a value.
  @inlinable
  public var isPresent: Bool { unsafe pin != nil }

  /// The value's bytes.
  @inlinable
  public var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      // Proof: the pin keeps `count` bytes in place as long as the borrow of `self`.
      let span = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(start: start, count: count))
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }
}

/// The state of a database at one moment.
///
/// It keeps the database open, and keeps compactions from dropping the rows that it shows.
@safe
public struct Snapshot: ~Copyable {
  let handle: OpaquePointer

  init(taking handle: OpaquePointer) { unsafe self.handle = handle }

  deinit { unsafe rdb_snapshot_destroy(handle) }
}

// Proof: the pointer never changes, and RocksDB's snapshots may be used by any thread.
extension Snapshot: @unchecked Sendable {}
