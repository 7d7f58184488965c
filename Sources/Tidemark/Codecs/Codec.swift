public import Changelog

/// How values of one type are kept as bytes.
///
/// A codec is a value without state; its ``name`` is recorded with every table that uses it, and a store refuses to open
/// a table with another codec than it was created with.
public protocol Codec<Value>: Sendable {
  /// What is encoded.
  associatedtype Value

  /// Names the encoding, not the Swift type: as long as it stays the same, stored bytes must stay readable.
  var name: String { get }

  /// Appends the bytes of a value: the same bytes for the same value, in every process.
  func encode(_ value: Value, into bytes: inout ByteBuffer) throws(StoreError)

  /// The value of bytes that ``encode(_:into:)`` wrote; throws `corrupted` for others.
  func decode(_ bytes: RawSpan) throws(StoreError) -> Value
}

/// A codec whose bytes sort (lexicographically, unsigned) as its values do, so that a range of values is a range of keys.
public protocol KeyCodec<Value>: Codec {
  /// Appends the bytes of a value so that more may follow: fixed in length, or escaped and terminated.
  func encodeComponent(_ value: Value, into bytes: inout ByteBuffer) throws(StoreError)

  /// Reads what ``encodeComponent(_:into:)`` wrote and leaves the reader behind it.
  func decodeComponent(_ reader: inout ByteReader) throws(StoreError) -> Value
}

/// Escaping of parts of variable length inside a key: `00` becomes `00 FF`, and `00 01` ends the part. So a part that is
/// a prefix of another sorts first, and no part can be mistaken for the start of the next.
extension KeyCodec {
  /// Appends the value's bytes escaped and terminated: right for every codec.
  public func encodeComponent(_ value: Value, into bytes: inout ByteBuffer) throws(StoreError) {
    var plain = ByteBuffer()
    try encode(value, into: &plain)
    appendEscaped(plain.bytes, to: &bytes)
  }

  /// Reads an escaped and terminated part.
  public func decodeComponent(_ reader: inout ByteReader) throws(StoreError) -> Value {
    let plain = try unescape(&reader)
    return try decode(plain.bytes)
  }
}

private func appendEscaped(_ plain: RawSpan, to bytes: inout ByteBuffer) {
  bytes.reserve(plain.byteCount + 2)
  for index in 0..<plain.byteCount {
    let byte = plain.byte(at: index)
    bytes.append(byte)
    if byte == 0 { bytes.append(0xFF) }
  }
  bytes.append(0)
  bytes.append(1)
}

private func unescape(_ reader: inout ByteReader) throws(StoreError) -> ByteBuffer {
  var plain = ByteBuffer()
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
