internal import CRocksDB

/// A value that a read found, held in place until this is gone.
///
/// It is given back to the thread that read it, so it never leaves the call.
@usableFromInline
@safe
struct PinnedValue: ~Copyable {
  @usableFromInline let pin: UnsafeMutableRawPointer?
  @usableFromInline let start: UnsafeRawPointer?
  @usableFromInline let count: Int

  init(pin: UnsafeMutableRawPointer?, start: UnsafeRawPointer?, count: Int) {
    unsafe self.pin = pin
    unsafe self.start = start
    self.count = count
  }

  @usableFromInline
  deinit { if let pin = unsafe pin { unsafe rdb_unpin(pin) } }

  @inlinable
  var isPresent: Bool { unsafe pin != nil }

  @inlinable
  var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      // Proof: the pin keeps `count` bytes in place as long as the borrow of `self`.
      let span = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(start: start, count: count))
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }
}
