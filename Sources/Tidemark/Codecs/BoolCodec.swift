public import Changelog

/// Truth values in one byte, `00` and `01`: `false` sorts first.
public struct BoolCodec: KeyCodec {
  /// `bool`.
  public var name: String { "bool" }

  /// Appends the byte.
  @inlinable
  public func encode(_ value: Bool, into bytes: inout ByteWriter) { bytes.append(value ? 1 : 0) }

  /// Reads the byte.
  @inlinable
  public func decode(_ bytes: RawSpan) throws(StoreError) -> Bool {
    var reader = ByteReader(bytes)
    return try decodeWhole(&reader)
  }

  /// Appends the byte.
  @inlinable
  public func encodeComponent(_ value: Bool, into bytes: inout ByteWriter) { encode(value, into: &bytes) }

  /// Reads the byte.
  @inlinable
  public func decodeComponent(_ reader: inout ByteReader) throws(StoreError) -> Bool {
    switch reader.integer(UInt8.self) {
    case 0: return false
    case 1: return true
    default: throw StoreError(.corrupted, "a Boolean is neither 0 nor 1")
    }
  }
}

extension Codec where Self == BoolCodec {
  /// Truth values in one byte.
  public static var bool: Self { Self() }
}
