internal import CChecksum
internal import Glibc

extension [UInt8] {
  /// The bytes, for as long as the array is borrowed.
  @inlinable
  public var rawSpan: RawSpan {
    @_lifetime(borrow self)
    get {
      // Proof: bytes have no padding and no invalid patterns, which is what `bytes` is unsafe for.
      let bytes = unsafe span.bytes
      return unsafe _overrideLifetime(bytes, borrowing: self)
    }
  }
}

extension RawSpan {
  /// One byte; the index is checked.
  package func byte(at index: Int) -> UInt8 {
    precondition(index >= 0 && index < byteCount)
    // Proof: the precondition checked the bounds.
    return unsafe unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
  }

  /// A copy.
  @inlinable
  public var array: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }

  /// Whether both hold the same bytes.
  package func equals(_ other: RawSpan) -> Bool { compare(other) == 0 }

  /// Less than, equal to or greater than 0 as this sorts before, with or after the other.
  package func compare(_ other: RawSpan) -> Int {
    let common = Swift.min(byteCount, other.byteCount)
    if common >= 8 {
      // Most often the first eight bytes tell, without a call. Proof: both have them.
      let (mine, theirs) = unsafe (
        UInt64(bigEndian: unsafeLoadUnaligned(as: UInt64.self)),
        UInt64(bigEndian: other.unsafeLoadUnaligned(as: UInt64.self))
      )
      if mine != theirs { return mine < theirs ? -1 : 1 }
    }
    let order = unsafe withUnsafeBytes { mine in
      unsafe other.withUnsafeBytes { theirs in
        // Proof: both ranges are at least `common` bytes long.
        common == 0 ? 0 : Int(unsafe memcmp(mine.baseAddress!, theirs.baseAddress!, common))
      }
    }
    return order != 0 ? order : byteCount - other.byteCount
  }
}

/// Goes on with a CRC-32C over more bytes.
package func crc32c(_ checksum: UInt32, _ bytes: RawSpan) -> UInt32 {
  unsafe bytes.withUnsafeBytes { buffer in
    // Proof: the pointer is valid for the count; without bytes nothing is read.
    guard let start = buffer.baseAddress else { return checksum }
    return unsafe tidemark_crc32c(checksum, start, buffer.count)
  }
}
