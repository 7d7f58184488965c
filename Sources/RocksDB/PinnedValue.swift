internal import CRocksDB

/// A value that a read found, held in place until this is gone.
///
/// Let it go on the thread that read it.
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

  /// Hands out what holds the value, `nil` if there is none, and where it lies: the caller lets it go with ``unpin(_:)``, on the
  /// thread that read it.
  @unsafe
  public consuming func takePin() -> (pin: UnsafeMutableRawPointer?, start: UnsafeRawPointer?, count: Int) {
    let parts = unsafe (pin: pin, start: start, count: count)
    discard self
    return unsafe parts
  }

  /// Lets go of what ``takePin()`` handed out.
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
