public import Changelog

/// Raw-representable values, as enumerations, through the codec of their raw values, in whose order they sort.
///
/// Bytes and name are those of the raw values' codec. A raw value that the type doesn't know throws `schemaMismatch` with
/// the type and the raw value: it was written by a program with another declaration.
public struct RawValueCodec<Value: RawRepresentable, Raw: Codec<Value.RawValue>>: Codec {
  /// The codec of the raw values.
  public let raw: Raw

  /// Makes the codec; ``Codec/raw(_:as:)`` is shorter.
  @inlinable
  public init(_ type: Value.Type, as raw: Raw) { self.raw = raw }

  /// The name of the raw values' codec.
  public var name: String { raw.name }

  /// Appends the raw value.
  @inlinable
  public func encode(_ value: Value, into bytes: inout ByteWriter) throws(StoreError) {
    try raw.encode(value.rawValue, into: &bytes)
  }

  /// Reads the raw value.
  @inlinable
  public func decode(_ bytes: RawSpan) throws(StoreError) -> Value { try value(of: try raw.decode(bytes)) }

  @inlinable
  func value(of rawValue: Value.RawValue) throws(StoreError) -> Value {
    guard let value = Value(rawValue: rawValue) else { throw unknown(rawValue) }
    return value
  }

  @usableFromInline @inline(never)
  func unknown(_ rawValue: Value.RawValue) -> StoreError {
    StoreError(
      .schemaMismatch, "the type has no value with the stored raw value",
      ["type": "\(Value.self)", "raw value": "\(rawValue)".shortened])
  }
}

extension RawValueCodec: KeyCodec where Raw: KeyCodec {
  /// Appends the raw value.
  @inlinable
  public func encodeComponent(_ value: Value, into bytes: inout ByteWriter) throws(StoreError) {
    try raw.encodeComponent(value.rawValue, into: &bytes)
  }

  /// Reads the raw value.
  @inlinable
  public func decodeComponent(_ reader: inout ByteReader) throws(StoreError) -> Value {
    try value(of: try raw.decodeComponent(&reader))
  }
}

extension Codec {
  /// Raw-representable values through a codec of their raw values.
  @inlinable
  public static func raw<Value: RawRepresentable, Raw: Codec<Value.RawValue>>(
    _ type: Value.Type, as raw: Raw
  ) -> Self where Self == RawValueCodec<Value, Raw> { Self(type, as: raw) }

  /// Raw-representable values with text behind them.
  @inlinable
  public static func raw<Value: RawRepresentable<String>>(
    _ type: Value.Type
  ) -> Self where Self == RawValueCodec<Value, StringCodec> { Self(type, as: .string) }

  /// Raw-representable values with integers behind them, in the integer's width.
  @inlinable
  public static func raw<Value: RawRepresentable>(
    _ type: Value.Type
  ) -> Self where Self == RawValueCodec<Value, IntegerCodec<Value.RawValue>> { Self(type, as: IntegerCodec()) }
}
