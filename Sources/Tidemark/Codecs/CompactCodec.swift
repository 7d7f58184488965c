public import Changelog

/// `Codable` values as named fields: five to six times as fast as JSON, and a fifth shorter.
///
/// Fields are found by name, as in JSON, so a changed declaration is never misread:
/// - Fields may change places, and a field that the type lacks is skipped.
/// - A field that isn't stored is `nil` if it is optional.
/// - A number of another type is read if it is exactly the same number.
/// - Everything else throws `schemaMismatch`, with the path of the field and the difference.
///
/// A dictionary with keys of text or integers is sorted. Other collections without an order of their own (`Set`) must be
/// encoded in a fixed one by their type: the same value has to give the same bytes. `Data` and `UUID` are stored as bytes.
///
/// Values nest to a depth of ``greatestDepth``. Decoding takes a copy of the bytes and 16 to 48 bytes for each item, of which
/// there are no more than bytes, besides what the type allocates.
public struct CompactCodec<Value: Codable & Sendable>: Codec {
  /// How many containers may lie in each other.
  public static var greatestDepth: Int { CompactFormat.greatestDepth }

  /// Makes the codec; ``Codec/compact(_:)`` is shorter.
  public init() {}

  /// `compact`.
  public var name: String { "compact" }

  /// Appends the value; throws `invalidArgument` if it can't be encoded.
  public func encode(_ value: Value, into bytes: inout ByteWriter) throws(StoreError) {
    let start = bytes.count
    let writer = CompactWriter()
    do {
      swap(&writer.bytes, &bytes)
      defer { swap(&writer.bytes, &bytes) }
      writer.bytes.append(CompactFormat.version)
      try writer.encode(value)
      try writer.checkWhole()
    } catch {
      bytes.truncate(to: start)
      if let error = error as? StoreError { throw error }
      throw StoreError(.invalidArgument, "a value can't be encoded", ["type": "\(Value.self)"], cause: error)
    }
  }

  /// Reads the value.
  ///
  /// Throws `corrupted` for bytes that are no value of any type, `unsupported` for another version of the format, and
  /// `schemaMismatch` for a value of another type.
  public func decode(_ bytes: RawSpan) throws(StoreError) -> Value {
    let reader = try CompactReader(bytes)
    do {
      return try reader.decode(Value.self, at: 0)
    } catch {
      throw StoreError.mismatch(error, Value.self)
    }
  }
}

extension Codec {
  /// `Codable` values as named fields in a few bytes.
  public static func compact<Value: Codable & Sendable>(_ type: Value.Type) -> Self where Self == CompactCodec<Value> {
    Self()
  }
}
