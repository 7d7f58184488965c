public import Changelog

/// Doubles in 8 bytes that sort in IEEE 754's total order: -NaN, -∞, …, -0.0, 0.0, …, ∞, NaN.
///
/// Big-endian bits; the sign bit is flipped for positive numbers, all bits for negative ones.
public struct DoubleCodec: KeyCodec {
  @inlinable init() {}

  /// `double`.
  public var name: String { "double" }

  /// Appends the number.
  @inlinable
  public func encode(_ value: Double, into bytes: inout ByteWriter) {
    let bits = value.bitPattern
    bytes.append(bigEndian: bits >> 63 == 1 ? ~bits : bits | 1 << 63)
  }

  /// Reads the number.
  @inlinable
  public func decode(_ bytes: RawSpan) throws(StoreError) -> Double {
    var reader = ByteReader(bytes)
    return try decodeWhole(&reader)
  }

  /// Appends the number.
  @inlinable
  public func encodeComponent(_ value: Double, into bytes: inout ByteWriter) { encode(value, into: &bytes) }

  /// Reads the number.
  @inlinable
  public func decodeComponent(_ reader: inout ByteReader) throws(StoreError) -> Double {
    guard let raw = reader.integer(UInt64.self) else { throw StoreError(.corrupted, "a double is cut short") }
    return Double(bitPattern: raw >> 63 == 1 ? raw & ~(1 << 63) : ~raw)
  }
}

extension Codec where Self == DoubleCodec {
  /// Doubles in 8 bytes, in IEEE 754's total order.
  public static var double: Self { Self() }
}
