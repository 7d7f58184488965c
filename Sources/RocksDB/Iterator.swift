internal import CRocksDB

/// A position in a column family that moves in both directions.
///
/// It keeps the database open. If it is not valid, it is past either end, or a read failed: see ``checkStatus()``.
@safe
public struct Iterator: ~Copyable {
  /// `nil` once released.
  private var handle: OpaquePointer!
  private var entry = unsafe RDBEntry()

  init(taking handle: OpaquePointer) { unsafe self.handle = handle }

  deinit { if let handle = unsafe handle { unsafe rdb_iterator_destroy(handle) } }

  /// Releases the files and memory that it keeps; afterwards it is not valid and must not be moved.
  public mutating func letGo() {
    if let handle = unsafe handle { unsafe rdb_iterator_destroy(handle) }
    unsafe handle = nil
    unsafe entry = RDBEntry()
  }

  /// Whether it stands at a key.
  public var isValid: Bool { unsafe entry.valid }

  /// Goes to the first key.
  public mutating func seekToFirst() { unsafe rdb_iterator_seek_to_first(handle, &entry) }

  /// Goes to the last key.
  public mutating func seekToLast() { unsafe rdb_iterator_seek_to_last(handle, &entry) }

  /// Goes to the first key at or after `key`.
  public mutating func seek(to key: RawSpan) {
    unsafe key.withUnsafeBytes { unsafe rdb_iterator_seek(handle, $0.baseAddress, $0.count, &entry) }
  }

  /// Goes to the last key at or before `key`.
  public mutating func seekForPrev(to key: RawSpan) {
    unsafe key.withUnsafeBytes { unsafe rdb_iterator_seek_for_previous(handle, $0.baseAddress, $0.count, &entry) }
  }

  /// Goes to the next key; the iterator must be valid.
  public mutating func next() {
    precondition(isValid, "an iterator that is not valid can't move")
    unsafe rdb_iterator_next(handle, &entry)
  }

  /// Goes to the previous key; the iterator must be valid.
  public mutating func previous() {
    precondition(isValid, "an iterator that is not valid can't move")
    unsafe rdb_iterator_previous(handle, &entry)
  }

  /// The current key; the iterator must be valid.
  public var key: RawSpan {
    @_lifetime(borrow self)
    get {
      precondition(isValid, "an iterator that is not valid has no key")
      // Proof: RocksDB keeps these bytes until the iterator moves, which the borrow of `self` prevents.
      let span = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(start: entry.key, count: entry.key_length))
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// The current value; the iterator must be valid.
  public var value: RawSpan {
    @_lifetime(borrow self)
    get {
      precondition(isValid, "an iterator that is not valid has no value")
      // Proof: as for the key.
      let span = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(start: entry.value, count: entry.value_length))
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Throws the error that stopped the iterator, if it stopped for an error.
  public func checkStatus() throws(RocksDBError) { unsafe try check(rdb_iterator_status(handle)) }
}

// Proof: a unique owner; reading the entry changes nothing, and moving the iterator needs exclusive access.
extension Iterator: @unchecked Sendable {}
