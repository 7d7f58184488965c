public import Changelog

/// A list of values of one kind, of any length, sorted element by element; a prefix sorts first.
///
/// Each element is led by `01`, and `00` ends the list.
public struct ListCodec<Element: KeyCodec>: KeyCodec {
  /// The elements' codec.
  public let element: Element

  /// Makes the codec of lists of `element`'s values; ``Codec/list(_:)`` is shorter.
  @inlinable
  public init(_ element: Element) { self.element = element }

  /// `list(…)`.
  public var name: String { "list(\(element.name))" }

  /// Appends the elements.
  @inlinable
  public func encode(_ value: [Element.Value], into bytes: inout ByteWriter) throws(StoreError) {
    for part in value {
      bytes.append(1)
      try element.encodeComponent(part, into: &bytes)
    }
    bytes.append(0)
  }

  /// Reads the elements.
  @inlinable
  public func decode(_ bytes: RawSpan) throws(StoreError) -> [Element.Value] {
    var reader = ByteReader(bytes)
    return try decodeWhole(&reader)
  }

  /// Appends the elements: the list ends itself.
  @inlinable
  public func encodeComponent(_ value: [Element.Value], into bytes: inout ByteWriter) throws(StoreError) {
    try encode(value, into: &bytes)
  }

  /// Reads the elements.
  @inlinable
  public func decodeComponent(_ reader: inout ByteReader) throws(StoreError) -> [Element.Value] {
    var value: [Element.Value] = []
    while true {
      switch reader.integer(UInt8.self) {
      case 0: return value
      case 1: value.append(try element.decodeComponent(&reader))
      default: throw StoreError(.corrupted, "a list has no end")
      }
    }
  }
}

extension Codec {
  /// Lists of any length as one key.
  public static func list<Element: KeyCodec>(_ element: Element) -> Self where Self == ListCodec<Element> {
    Self(element)
  }
}
