public import Changelog

/// Bytes as they are.
public struct BytesCodec: KeyCodec {
  /// `bytes`.
  public var name: String { "bytes" }

  /// Appends the bytes.
  @inlinable
  public func encode(_ value: [UInt8], into bytes: inout ByteWriter) { bytes.append(value.rawSpan) }

  /// Copies the bytes.
  @inlinable
  public func decode(_ bytes: RawSpan) -> [UInt8] { bytes.array }
}

extension Codec where Self == BytesCodec {
  /// Bytes as they are.
  public static var bytes: Self { Self() }
}
