// Variable-length integers: 7 bits a byte, least significant group first, the high bit marks that more follow
// (Protocol Buffers' encoding; Kafka's records use it with zigzag for signed values).

extension ByteWriter {
  /// Appends an unsigned varint: 1 to 10 bytes.
  @inlinable
  public mutating func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(rest))
  }

  /// Appends a zigzag varint (0, -1, 1, -2 → 0, 1, 2, 3), as Kafka's records have it.
  @inlinable
  public mutating func append(zigzag value: Int64) {
    append(varint: UInt64(bitPattern: (value << 1) ^ (value >> 63)))
  }
}

/// How many bytes an unsigned varint takes.
@inlinable
package func varintLength(_ value: UInt64) -> Int {
  max(1, (UInt64.bitWidth - value.leadingZeroBitCount + 6) / 7)
}

/// How many bytes a zigzag varint takes.
@inlinable
package func zigzagLength(_ value: Int64) -> Int {
  varintLength(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
}

/// Reads fields one after the other from bytes; every read is checked, and `nil` says that the bytes end or don't fit.
public struct ByteReader: ~Escapable {
  /// What is read.
  public let bytes: RawSpan
  /// Where the next field starts.
  @inlinable
  public var position: Int { next }
  @usableFromInline var next = 0

  /// Reads from the start of `bytes`.
  @_lifetime(copy bytes)
  @inlinable
  public init(_ bytes: RawSpan) {
    self.bytes = bytes
  }

  /// How many bytes are left.
  @inlinable
  public var remaining: Int { bytes.byteCount - next }

  /// The next integer, most significant byte first.
  @inlinable
  public mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type = T.self) -> T? {
    guard remaining >= MemoryLayout<T>.size else { return nil }
    // Proof: the guard checked the bounds, and any bits are a value of an integer type.
    let value = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: next, as: T.self)
    next += MemoryLayout<T>.size
    return T(bigEndian: value)
  }

  /// The next unsigned varint; `nil` also if it takes more than 10 bytes.
  @inlinable
  public mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    var at = next
    while at < bytes.byteCount, shift < 64 {
      // Proof: the loop checked the bounds.
      let byte = unsafe bytes.unsafeLoad(fromUncheckedByteOffset: at, as: UInt8.self)
      at += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 {
        if shift == 63, byte > 1 { return nil }
        next = at
        return value
      }
      shift += 7
    }
    return nil
  }

  /// The next zigzag varint.
  @inlinable
  public mutating func zigzag() -> Int64? {
    guard let raw = varint() else { return nil }
    return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
  }

  /// The next `count` bytes.
  @_lifetime(copy self)
  @inlinable
  public mutating func take(_ count: Int) -> RawSpan? {
    guard count >= 0, count <= remaining else { return nil }
    let field = bytes.extracting(next..<next + count)
    next += count
    return field
  }

  /// The next `count` bytes as text; `nil` also if they aren't UTF-8.
  @inlinable
  public mutating func string(_ count: Int) -> String? {
    guard let field = take(count) else { return nil }
    return String(utf8: field)
  }
}

extension String {
  /// The text of UTF-8 bytes, copied; `nil` if they aren't UTF-8.
  @inlinable
  public init?(utf8 bytes: RawSpan) {
    let text: String? = unsafe bytes.withUnsafeBytes { unsafe String(validating: $0, as: UTF8.self) }
    guard let text else { return nil }
    self = text
  }
}
