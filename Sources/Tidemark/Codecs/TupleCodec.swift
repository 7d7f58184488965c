public import Changelog

/// Several values, sorted by the first, then by the second, and so on.
///
/// Two and three have types that are faster, ``PairCodec`` and ``TripleCodec``; bytes and names are the same.
///
/// Each part is fixed in length or escaped and terminated, so keys of other lengths never lie between those of a prefix.
public struct TupleCodec<each Element: KeyCodec>: KeyCodec {
  /// The parts' codecs.
  public let elements: (repeat each Element)

  /// Puts a codec together.
  public init(_ elements: repeat each Element) { self.elements = (repeat each elements) }

  /// `tuple(…, …)`.
  public var name: String {
    var names: [String] = []
    for element in repeat each elements { names.append(element.name) }
    return "tuple(\(names.joined(separator: ",")))"
  }

  /// Appends all parts.
  public func encode(_ value: (repeat (each Element).Value), into bytes: inout ByteWriter) throws(StoreError) {
    for (element, part) in repeat (each elements, each value) { try element.encodeComponent(part, into: &bytes) }
  }

  /// Reads all parts.
  public func decode(_ bytes: RawSpan) throws(StoreError) -> (repeat (each Element).Value) {
    var reader = ByteReader(bytes)
    return try decodeWhole(&reader)
  }

  /// Appends all parts: they delimit themselves.
  public func encodeComponent(_ value: (repeat (each Element).Value), into bytes: inout ByteWriter) throws(StoreError) {
    // Not a call of `encode`: Swift 6.3's compiler crashes where a pack is passed on as a tuple.
    for (element, part) in repeat (each elements, each value) { try element.encodeComponent(part, into: &bytes) }
  }

  /// Reads all parts.
  public func decodeComponent(_ reader: inout ByteReader) throws(StoreError) -> (repeat (each Element).Value) {
    (repeat try (each elements).decodeComponent(&reader))
  }
}

extension Codec {
  /// One value as a key that others may continue.
  public static func tuple<Element: KeyCodec>(_ element: Element) -> Self where Self == TupleCodec<Element> {
    Self(element)
  }

  /// Four or more values as one key.
  public static func tuple<A: KeyCodec, B: KeyCodec, C: KeyCodec, D: KeyCodec, each Element: KeyCodec>(
    _ a: A, _ b: B, _ c: C, _ d: D, _ elements: repeat each Element
  ) -> Self where Self == TupleCodec<A, B, C, D, repeat each Element> { Self(a, b, c, d, repeat each elements) }
}
