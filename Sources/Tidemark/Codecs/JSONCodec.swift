public import Changelog
internal import Foundation

/// `Codable` values as JSON with sorted keys, which other programs can read; ``CompactCodec`` is several times as fast.
///
/// Collections without an order of their own (`Set`) must be encoded in a fixed one by their type: the same value has to
/// give the same bytes.
public struct JSONCodec<Value: Codable & Sendable>: Codec {
  /// Makes the codec; ``Codec/json(_:)`` is shorter.
  public init() {}

  /// `json`.
  public var name: String { "json" }

  /// Appends the JSON text.
  public func encode(_ value: Value, into bytes: inout ByteWriter) throws(StoreError) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      bytes.append(try encoder.encode(value).bytes)
    } catch {
      throw StoreError(.invalidArgument, "a value can't be encoded as JSON", ["type": "\(Value.self)"], cause: error)
    }
  }

  /// Reads the JSON text.
  ///
  /// Throws `corrupted` for what isn't JSON, and `schemaMismatch` for JSON of another type.
  public func decode(_ bytes: RawSpan) throws(StoreError) -> Value {
    let text = Data(bytes.array)
    do {
      return try JSONDecoder().decode(Value.self, from: text)
    } catch {
      guard (try? JSONSerialization.jsonObject(with: text, options: .fragmentsAllowed)) != nil else {
        throw StoreError(.corrupted, "a value is not JSON", ["type": "\(Value.self)"], cause: error)
      }
      throw StoreError.mismatch(error, Value.self)
    }
  }
}

extension Codec {
  /// `Codable` values as JSON with sorted keys.
  public static func json<Value: Codable & Sendable>(_ type: Value.Type) -> Self where Self == JSONCodec<Value> {
    Self()
  }
}
