public import Changelog

/// How values of one type are kept as bytes.
///
/// A codec is a value that never changes; its ``name`` is recorded with every table that uses it, and a store refuses to open
/// a table with another codec than it was created with.
public protocol Codec<Value>: Sendable {
  /// What is encoded.
  associatedtype Value

  /// Names the encoding, not the Swift type: as long as it stays the same, stored bytes must stay readable.
  var name: String { get }

  /// Appends the bytes of a value: the same bytes for the same value, in every process.
  func encode(_ value: Value, into bytes: inout ByteWriter) throws(StoreError)

  /// The value of bytes that ``encode(_:into:)`` wrote.
  ///
  /// Throws `corrupted` for bytes that no declaration of the type wrote, and `schemaMismatch` for bytes that are whole but
  /// don't fit the type. The store adds table and key to either.
  func decode(_ bytes: RawSpan) throws(StoreError) -> Value
}

/// A codec whose bytes sort (lexicographically, unsigned) as its values do, so that a range of values is a range of keys.
public protocol KeyCodec<Value>: Codec {
  /// Appends the bytes of a value so that more may follow: fixed in length, or escaped and terminated.
  func encodeComponent(_ value: Value, into bytes: inout ByteWriter) throws(StoreError)

  /// Reads what ``encodeComponent(_:into:)`` wrote and leaves the reader behind it.
  func decodeComponent(_ reader: inout ByteReader) throws(StoreError) -> Value
}

/// Escaping of parts of variable length inside a key: `00` becomes `00 FF`, and `00 01` ends the part. So a part that is
/// a prefix of another sorts first, and no part can be mistaken for the start of the next.
extension KeyCodec {
  /// Appends the value's bytes escaped and terminated: right for every codec.
  @inlinable
  public func encodeComponent(_ value: Value, into bytes: inout ByteWriter) throws(StoreError) {
    let start = bytes.count
    try encode(value, into: &bytes)
    endEscapedPart(&bytes, from: start)
  }

  /// Reads an escaped and terminated part.
  @inlinable
  public func decodeComponent(_ reader: inout ByteReader) throws(StoreError) -> Value {
    // Most parts have no zero byte, so they are decoded where they lie.
    if let plain = takeUnescapedPart(&reader) { return try decode(plain) }
    let plain = try unescape(&reader)
    return try decode(plain.bytes)
  }
}

/// Escapes the bytes from `start` on and terminates them.
@inlinable
func endEscapedPart(_ bytes: inout ByteWriter, from start: Int) {
  let hasZero = bytes.withBytes { firstZero(in: $0, from: start) != nil }
  if hasZero { escape(&bytes, from: start) }
  bytes.append(bigEndian: UInt16(0x0001))
}

@usableFromInline @inline(never)
func escape(_ bytes: inout ByteWriter, from start: Int) {
  let plain = bytes.withBytes { $0.extracting(start...).array }
  bytes.truncate(to: start)
  for byte in plain {
    bytes.append(byte)
    if byte == 0 { bytes.append(0xFF) }
  }
}

/// Takes a part in which nothing is escaped; `nil` leaves the reader where it was.
@_lifetime(copy reader)
@inlinable
func takeUnescapedPart(_ reader: inout ByteReader) -> RawSpan? {
  guard let end = firstZero(in: reader.bytes, from: reader.position), end + 1 < reader.bytes.byteCount,
    // Proof: the guard's first half checked the bounds.
    unsafe reader.bytes.unsafeLoad(fromUncheckedByteOffset: end + 1, as: UInt8.self) == 1
  else { return nil }
  let part = reader.take(end - reader.position)
  _ = reader.take(2)
  return part
}

/// Where the first zero byte at or after `start` is.
@inlinable
func firstZero(in bytes: RawSpan, from start: Int) -> Int? {
  var at = start
  while at + 8 <= bytes.byteCount {
    // Proof: the loop's condition checked the bounds; any bits are an integer.
    let word = unsafe UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: at, as: UInt64.self))
    // The lowest high bit that is set marks the first zero byte (Hacker's Delight, section 6-1).
    let zeros = (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
    if zeros != 0 { return at + zeros.trailingZeroBitCount >> 3 }
    at += 8
  }
  while at < bytes.byteCount {
    // Proof: the loop's condition checked the bounds.
    if unsafe bytes.unsafeLoad(fromUncheckedByteOffset: at, as: UInt8.self) == 0 { return at }
    at += 1
  }
  return nil
}

@usableFromInline
func unescape(_ reader: inout ByteReader) throws(StoreError) -> ByteWriter {
  var plain = ByteWriter()
  while let byte = reader.integer(UInt8.self) {
    guard byte == 0 else {
      plain.append(byte)
      continue
    }
    switch reader.integer(UInt8.self) {
    case 0xFF: plain.append(0)
    case 1: return plain
    default: throw StoreError(.corrupted, "a part of a key is escaped wrongly")
    }
  }
  throw StoreError(.corrupted, "a part of a key has no end")
}
