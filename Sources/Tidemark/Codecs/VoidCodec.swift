public import Changelog

/// No bytes: the values of a table that is a set of keys.
public struct VoidCodec: KeyCodec {
  /// `void`.
  public var name: String { "void" }

  /// Appends nothing.
  @inlinable
  public func encode(_ value: Void, into bytes: inout ByteWriter) {}

  /// Throws `corrupted` if there are bytes.
  @inlinable
  public func decode(_ bytes: RawSpan) throws(StoreError) {
    var reader = ByteReader(bytes)
    return try decodeWhole(&reader)
  }

  /// Appends nothing.
  @inlinable
  public func encodeComponent(_ value: Void, into bytes: inout ByteWriter) {}

  /// Reads nothing.
  @inlinable
  public func decodeComponent(_ reader: inout ByteReader) {}
}

extension Codec where Self == VoidCodec {
  /// No bytes: the values of a table that is a set of keys.
  public static var void: Self { Self() }
}
