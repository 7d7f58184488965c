public import Changelog

/// Integers of fixed width: big-endian, the sign bit flipped, so that bytes sort as numbers.
public struct IntegerCodec<Value: FixedWidthInteger & BitwiseCopyable & Sendable>: KeyCodec {
  /// Makes the codec of any width; ``Codec/int64`` and others have names.
  public init() {}

  /// The kind and its width in bits, as `int64`.
  public var name: String { "\(Value.isSigned ? "int" : "uint")\(Value.bitWidth)" }

  /// Flips the sign bit of signed integers.
  @inlinable var flip: Value { Value.isSigned ? Value(1) << (Value.bitWidth - 1) : 0 }

  /// Appends the integer.
  @inlinable
  public func encode(_ value: Value, into bytes: inout ByteWriter) { bytes.append(bigEndian: value ^ flip) }

  /// Reads the integer.
  @inlinable
  public func decode(_ bytes: RawSpan) throws(StoreError) -> Value {
    var reader = ByteReader(bytes)
    return try decodeWhole(&reader)
  }

  /// Appends the integer.
  @inlinable
  public func encodeComponent(_ value: Value, into bytes: inout ByteWriter) { encode(value, into: &bytes) }

  /// Reads the integer.
  @inlinable
  public func decodeComponent(_ reader: inout ByteReader) throws(StoreError) -> Value {
    guard let raw = reader.integer(Value.self) else {
      throw StoreError(.corrupted, "an integer is cut short", ["codec": name])
    }
    return raw ^ flip
  }
}

extension KeyCodec {
  /// Reads one component that must take all bytes.
  @inlinable
  func decodeWhole(_ reader: inout ByteReader) throws(StoreError) -> Value {
    let value = try decodeComponent(&reader)
    guard reader.remaining == 0 else {
      throw StoreError(.corrupted, "bytes follow a value", ["codec": name, "extra bytes": reader.remaining])
    }
    return value
  }
}

extension Codec where Self == IntegerCodec<Int> {
  /// Integers in 8 bytes: the bytes and the name of ``int64``.
  public static var int: Self { Self() }
}
extension Codec where Self == IntegerCodec<Int64> {
  /// 64-bit integers in 8 bytes.
  public static var int64: Self { Self() }
}
extension Codec where Self == IntegerCodec<Int32> {
  /// 32-bit integers in 4 bytes.
  public static var int32: Self { Self() }
}
extension Codec where Self == IntegerCodec<UInt64> {
  /// Unsigned 64-bit integers in 8 bytes.
  public static var uint64: Self { Self() }
}
extension Codec where Self == IntegerCodec<UInt32> {
  /// Unsigned 32-bit integers in 4 bytes.
  public static var uint32: Self { Self() }
}
extension Codec where Self == IntegerCodec<UInt8> {
  /// Bytes.
  public static var uint8: Self { Self() }
}
