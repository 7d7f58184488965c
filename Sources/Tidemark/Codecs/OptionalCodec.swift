public import Changelog

/// A value or none: `00` for `nil`, which sorts first, or `01` and the value's bytes.
///
/// A codec of keys if the wrapped one is.
public struct OptionalCodec<Wrapped: Codec>: Codec {
  /// The codec of values that are there.
  public let wrapped: Wrapped

  /// Makes the codec of `wrapped`'s values and `nil`; ``Codec/optional(_:)`` is shorter.
  @inlinable
  public init(_ wrapped: Wrapped) { self.wrapped = wrapped }

  /// `optional(…)`.
  public var name: String { "optional(\(wrapped.name))" }

  /// Appends the value, if there is one.
  @inlinable
  public func encode(_ value: Wrapped.Value?, into bytes: inout ByteWriter) throws(StoreError) {
    guard let value else { return bytes.append(0) }
    bytes.append(1)
    try wrapped.encode(value, into: &bytes)
  }

  /// Reads the value, if there is one.
  @inlinable
  public func decode(_ bytes: RawSpan) throws(StoreError) -> Wrapped.Value? {
    var reader = ByteReader(bytes)
    if try Self.isPresent(&reader) { return try wrapped.decode(bytes.extracting(1...)) }
    guard reader.remaining == 0 else {
      throw StoreError(.corrupted, "bytes follow a value", ["codec": name, "extra bytes": reader.remaining])
    }
    return nil
  }

  @inlinable
  static func isPresent(_ reader: inout ByteReader) throws(StoreError) -> Bool {
    switch reader.integer(UInt8.self) {
    case 0: return false
    case 1: return true
    default: throw StoreError(.corrupted, "an optional value starts with neither 0 nor 1")
    }
  }
}

extension OptionalCodec: KeyCodec where Wrapped: KeyCodec {
  /// Appends the value as a part, if there is one.
  @inlinable
  public func encodeComponent(_ value: Wrapped.Value?, into bytes: inout ByteWriter) throws(StoreError) {
    guard let value else { return bytes.append(0) }
    bytes.append(1)
    try wrapped.encodeComponent(value, into: &bytes)
  }

  /// Reads the value, if there is one.
  @inlinable
  public func decodeComponent(_ reader: inout ByteReader) throws(StoreError) -> Wrapped.Value? {
    try Self.isPresent(&reader) ? try wrapped.decodeComponent(&reader) : nil
  }
}

extension Codec {
  /// A value or `nil`.
  @inlinable
  public static func optional<Wrapped: Codec>(_ wrapped: Wrapped) -> Self where Self == OptionalCodec<Wrapped> {
    Self(wrapped)
  }
}
