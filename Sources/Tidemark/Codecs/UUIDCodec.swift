public import Changelog
public import Foundation

/// UUIDs in 16 bytes, sorted by their bytes.
public struct UUIDCodec: KeyCodec {
  /// `uuid`.
  public var name: String { "uuid" }

  /// Appends the id.
  @inlinable
  public func encode(_ value: UUID, into bytes: inout ByteWriter) {
    unsafe withUnsafeBytes(of: value.uuid) { unsafe bytes.append($0.bytes) }
  }

  /// Reads the id.
  @inlinable
  public func decode(_ bytes: RawSpan) throws(StoreError) -> UUID {
    var reader = ByteReader(bytes)
    return try decodeWhole(&reader)
  }

  /// Appends the id.
  @inlinable
  public func encodeComponent(_ value: UUID, into bytes: inout ByteWriter) { encode(value, into: &bytes) }

  /// Reads the id.
  @inlinable
  public func decodeComponent(_ reader: inout ByteReader) throws(StoreError) -> UUID {
    guard let field = reader.take(16) else { throw StoreError(.corrupted, "a UUID is cut short") }
    // Proof: 16 bytes of any value are a `uuid_t`.
    return UUID(uuid: unsafe field.unsafeLoadUnaligned(as: uuid_t.self))
  }
}

extension Codec where Self == UUIDCodec {
  /// UUIDs in 16 bytes.
  public static var uuid: Self { Self() }
}
