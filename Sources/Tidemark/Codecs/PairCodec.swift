public import Changelog

/// Two values, sorted by the first, then by the second: the bytes and the name of a ``TupleCodec`` of the two.
///
/// A type of its own, as Swift specializes no code of parameter packs: a pair costs what its parts cost.
public struct PairCodec<First: KeyCodec, Second: KeyCodec>: KeyCodec {
  /// The first part's codec.
  public let first: First
  /// The second part's codec.
  public let second: Second

  /// Puts a codec together; ``Codec/tuple(_:_:)`` is shorter.
  @inlinable
  public init(_ first: First, _ second: Second) {
    self.first = first
    self.second = second
  }

  /// `tuple(…,…)`.
  public var name: String { "tuple(\(first.name),\(second.name))" }

  /// Appends both parts.
  @inlinable
  public func encode(_ value: (First.Value, Second.Value), into bytes: inout ByteWriter) throws(StoreError) {
    try first.encodeComponent(value.0, into: &bytes)
    try second.encodeComponent(value.1, into: &bytes)
  }

  /// Reads both parts.
  @inlinable
  public func decode(_ bytes: RawSpan) throws(StoreError) -> (First.Value, Second.Value) {
    var reader = ByteReader(bytes)
    return try decodeWhole(&reader)
  }

  /// Appends both parts: they delimit themselves.
  @inlinable
  public func encodeComponent(_ value: (First.Value, Second.Value), into bytes: inout ByteWriter) throws(StoreError) {
    try encode(value, into: &bytes)
  }

  /// Reads both parts.
  @inlinable
  public func decodeComponent(_ reader: inout ByteReader) throws(StoreError) -> (First.Value, Second.Value) {
    let a = try first.decodeComponent(&reader)
    return (a, try second.decodeComponent(&reader))
  }
}

extension Codec {
  /// Two values as one key.
  @inlinable
  public static func tuple<First: KeyCodec, Second: KeyCodec>(_ first: First, _ second: Second) -> Self
  where Self == PairCodec<First, Second> { Self(first, second) }
}
