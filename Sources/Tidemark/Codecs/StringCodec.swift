public import Changelog

/// Text as UTF-8, sorted by Unicode scalar values.
///
/// Keys are compared by their bytes: two strings that Swift calls equal (`é` composed and decomposed) are two keys.
public struct StringCodec: KeyCodec {
  /// `string`.
  public var name: String { "string" }

  /// Appends the text.
  @inlinable
  public func encode(_ value: String, into bytes: inout ByteWriter) { bytes.append(utf8: value) }

  /// Reads the text.
  @inlinable
  public func decode(_ bytes: RawSpan) throws(StoreError) -> String {
    guard let text = String(utf8: bytes) else { throw StoreError(.corrupted, "text is not UTF-8") }
    return text
  }
}

extension Codec where Self == StringCodec {
  /// Text as UTF-8.
  public static var string: Self { Self() }
}
