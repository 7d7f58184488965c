public import Changelog

/// Three values, sorted by the first, then by the second, then by the third: the bytes and the name of a ``TupleCodec`` of
/// the three.
///
/// A type of its own, as Swift specializes no code of parameter packs: a triple costs what its parts cost.
public struct TripleCodec<First: KeyCodec, Second: KeyCodec, Third: KeyCodec>: KeyCodec {
  /// The first part's codec.
  public let first: First
  /// The second part's codec.
  public let second: Second
  /// The third part's codec.
  public let third: Third

  /// Puts a codec together; ``Codec/tuple(_:_:_:)`` is shorter.
  @inlinable
  public init(_ first: First, _ second: Second, _ third: Third) {
    self.first = first
    self.second = second
    self.third = third
  }

  /// `tuple(…,…,…)`.
  public var name: String { "tuple(\(first.name),\(second.name),\(third.name))" }

  /// Appends all parts.
  @inlinable
  public func encode(
    _ value: (First.Value, Second.Value, Third.Value), into bytes: inout ByteWriter
  ) throws(StoreError) {
    try first.encodeComponent(value.0, into: &bytes)
    try second.encodeComponent(value.1, into: &bytes)
    try third.encodeComponent(value.2, into: &bytes)
  }

  /// Reads all parts.
  @inlinable
  public func decode(_ bytes: RawSpan) throws(StoreError) -> (First.Value, Second.Value, Third.Value) {
    var reader = ByteReader(bytes)
    return try decodeWhole(&reader)
  }

  /// Appends all parts: they delimit themselves.
  @inlinable
  public func encodeComponent(
    _ value: (First.Value, Second.Value, Third.Value), into bytes: inout ByteWriter
  ) throws(StoreError) {
    try encode(value, into: &bytes)
  }

  /// Reads all parts.
  @inlinable
  public func decodeComponent(
    _ reader: inout ByteReader
  ) throws(StoreError) -> (First.Value, Second.Value, Third.Value) {
    let a = try first.decodeComponent(&reader)
    let b = try second.decodeComponent(&reader)
    return (a, b, try third.decodeComponent(&reader))
  }
}

extension Codec {
  /// Three values as one key.
  @inlinable
  public static func tuple<First: KeyCodec, Second: KeyCodec, Third: KeyCodec>(
    _ first: First, _ second: Second, _ third: Third
  ) -> Self where Self == TripleCodec<First, Second, Third> { Self(first, second, third) }
}
