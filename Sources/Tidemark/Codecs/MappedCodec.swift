public import Changelog

/// Values of a type of your own through the codec of another type.
///
/// ```swift
/// let prices = Table("prices", key: .string, value: .mapped(.int64, encode: \.cents, decode: Money.init(cents:)))
/// ```
///
/// As a key the values sort as what they are mapped to. Two values must not be mapped to the same one.
public struct MappedCodec<Base: Codec, Value>: Codec {
  /// The codec of what values are mapped to.
  public let base: Base
  /// The codec's name.
  public let name: String
  @usableFromInline let encoding: @Sendable (Value) throws -> Base.Value
  @usableFromInline let decoding: @Sendable (Base.Value) throws -> Value

  /// Makes the codec; ``Codec/mapped(_:name:encode:decode:)`` is shorter.
  ///
  /// Without a `name` it has that of `base`. Give it one if another mapping would read the same bytes as other values.
  @inlinable
  public init(
    _ base: Base, name: String? = nil, encode: @escaping @Sendable (Value) throws -> Base.Value,
    decode: @escaping @Sendable (Base.Value) throws -> Value
  ) {
    self.base = base
    self.name = name ?? base.name
    encoding = encode
    decoding = decode
  }

  /// Appends the mapped value.
  ///
  /// Throws `invalidArgument` if the closure throws; a `StoreError` of the closure comes out as it is.
  @inlinable
  public func encode(_ value: Value, into bytes: inout ByteWriter) throws(StoreError) {
    try base.encode(try mapped(value), into: &bytes)
  }

  /// Reads the mapped value and maps it back.
  ///
  /// Throws `schemaMismatch` if the closure throws; a `StoreError` of the closure comes out as it is.
  @inlinable
  public func decode(_ bytes: RawSpan) throws(StoreError) -> Value { try value(of: try base.decode(bytes)) }

  @inlinable
  func mapped(_ value: Value) throws(StoreError) -> Base.Value {
    do { return try encoding(value) } catch {
      throw error as? StoreError
        ?? StoreError(
          .invalidArgument, "a value can't be mapped to bytes", ["codec": name, "type": "\(Value.self)"], cause: error)
    }
  }

  @inlinable
  func value(of mapped: Base.Value) throws(StoreError) -> Value {
    do { return try decoding(mapped) } catch {
      throw error as? StoreError
        ?? StoreError(
          .schemaMismatch, "a stored value can't be mapped to the type", ["codec": name, "type": "\(Value.self)"],
          cause: error)
    }
  }
}

extension MappedCodec: KeyCodec where Base: KeyCodec {
  /// Appends the mapped value as a part.
  @inlinable
  public func encodeComponent(_ value: Value, into bytes: inout ByteWriter) throws(StoreError) {
    try base.encodeComponent(try mapped(value), into: &bytes)
  }

  /// Reads the mapped value and maps it back.
  @inlinable
  public func decodeComponent(_ reader: inout ByteReader) throws(StoreError) -> Value {
    try value(of: try base.decodeComponent(&reader))
  }
}

extension Codec {
  /// Values of a type of your own through the codec of another type; as a key in the order of what they are mapped to.
  @inlinable
  public static func mapped<Base: Codec, Value>(
    _ base: Base, name: String? = nil, encode: @escaping @Sendable (Value) throws -> Base.Value,
    decode: @escaping @Sendable (Base.Value) throws -> Value
  ) -> Self where Self == MappedCodec<Base, Value> { Self(base, name: name, encode: encode, decode: decode) }
}
