internal import Changelog
internal import RocksDB

/// What a read found: a value where it lies, in a batch or pinned in the database, or a copy.
///
/// It lies there until this is gone, or until the transaction that found it changes.
@usableFromInline
@safe
struct FoundValue: ~Copyable {
  private let value: UnsafeRawBufferPointer?
  private let pinned: RocksDB.PinnedValue?
  /// Keeps the runs of a view.
  private let reading: View.Reading?
  private let copy: ByteBuffer?

  /// What a batch says about a key.
  init(_ entry: BatchEntry, _ reading: consuming View.Reading? = nil) {
    unsafe value = entry.state == .deleted ? nil : entry.value
    pinned = nil
    self.reading = reading
    copy = nil
  }

  /// What a batch says about a key that may change soon.
  init(copying entry: BatchEntry) {
    pinned = nil
    reading = nil
    guard entry.state != .deleted else {
      unsafe value = nil
      copy = nil
      return
    }
    var copy = unsafe ByteBuffer(capacity: entry.value.count)
    // Proof: the entry's memory is there during the call.
    unsafe copy.append(RawSpan(_unsafeBytes: entry.value))
    unsafe value = copy.bytes.withUnsafeBytes { unsafe $0 }
    self.copy = consume copy
  }

  /// What the database has.
  init(_ pinned: consuming RocksDB.PinnedValue) {
    unsafe value = pinned.isPresent ? pinned.bytes.withUnsafeBytes { unsafe $0 } : nil
    self.pinned = consume pinned
    reading = nil
    copy = nil
  }

  // Here, so that it isn't put together in the module of the caller, which Swift 6.3's compiler crashes over.
  @usableFromInline
  deinit {}

  /// Whether the key has a value.
  @usableFromInline
  var isPresent: Bool { unsafe value != nil }

  /// The value's bytes; none without a value.
  @usableFromInline
  var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      // Proof: the batch, or the pin, keeps them in place during the borrow.
      let span = unsafe RawSpan(_unsafeBytes: value ?? UnsafeRawBufferPointer(start: nil, count: 0))
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// The value; `nil` if there is none.
  @inlinable
  func decoded<V: Codec>(with codec: V) throws(StoreError) -> V.Value? {
    isPresent ? try codec.decode(bytes) : nil
  }
}
