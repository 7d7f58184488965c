internal import Changelog
internal import RocksDB

/// What a read found: a value where it lies, in a batch or pinned in the database, or a copy.
///
/// It lies there until this is gone or, if it is one of a transaction's own changes, until the transaction changes.
@usableFromInline
@safe
struct FoundValue: ~Copyable {
  private let value: UnsafeRawBufferPointer?
  private let pinned: RocksDB.PinnedValue?
  /// The run that it lies in.
  private let run: Run?
  private let copy: ByteBuffer?

  /// What a batch says about a key: that of a transaction, or of a run that nobody changes meanwhile.
  @inline(__always)
  init(_ entry: BatchEntry, in run: Run? = nil) {
    unsafe value = entry.state == .deleted ? nil : entry.value
    pinned = nil
    self.run = run
    copy = nil
  }

  /// What a batch says about a key that may change soon.
  init(copying entry: BatchEntry) {
    pinned = nil
    run = nil
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
    run = nil
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
