internal import Changelog

/// Which rows a scan visits.
public struct ScanRange<Key: KeyCodec> {
  /// Writes the bounds' bytes: the first key of the range, and the first beyond it.
  let bounds: (_ codec: Key) throws(StoreError) -> KeyRange

  /// Every row.
  public static var all: Self { Self { _ throws(StoreError) in KeyRange() } }

  /// Rows from a key on.
  public static func from(_ lower: Key.Value) -> Self {
    Self { codec throws(StoreError) in KeyRange(lower: try codec.bytes(lower)) }
  }

  /// Rows after a key: without its own.
  public static func after(_ lower: Key.Value) -> Self {
    Self { codec throws(StoreError) in KeyRange(lower: try codec.successor(lower)) }
  }

  /// Rows before a key.
  public static func upTo(_ upper: Key.Value) -> Self {
    Self { codec throws(StoreError) in KeyRange(upper: try codec.bytes(upper)) }
  }

  /// Rows up to a key, with its own.
  public static func through(_ upper: Key.Value) -> Self {
    Self { codec throws(StoreError) in KeyRange(upper: try codec.successor(upper)) }
  }

  /// Rows from a key on and before another; none if the other isn't greater.
  public static func between(_ lower: Key.Value, _ upper: Key.Value) -> Self {
    Self { codec throws(StoreError) in KeyRange(lower: try codec.bytes(lower), upper: try codec.bytes(upper)) }
  }

  /// Rows from a key on and up to another, with its own; none if the other is smaller.
  public static func between(_ lower: Key.Value, through upper: Key.Value) -> Self {
    Self { codec throws(StoreError) in KeyRange(lower: try codec.bytes(lower), upper: try codec.successor(upper)) }
  }

  /// Rows whose keys lie in a Swift range: `a..<b`, `a...b`, `a...`, `..<b` or `...b`.
  public static func range(_ bounds: some KeyBounds<Key.Value>) -> Self { bounds.scanRange() }

  /// Rows whose key, a tuple, starts with the given parts.
  ///
  /// ```swift
  /// view.scan(visits, .prefix("Berlin", as: .string))              // keys .tuple(.string, .string, .int64)
  /// view.scan(visits, .prefix("Berlin", "A", as: .string, .string))
  /// ```
  public static func prefix<each Part: KeyCodec>(
    _ parts: repeat (each Part).Value, as codecs: repeat each Part
  ) -> Self {
    let write: (inout ByteWriter) throws(StoreError) -> Void = { (buffer) throws(StoreError) in
      for (part, codec) in repeat (each parts, each codecs) { try codec.encodeComponent(part, into: &buffer) }
    }
    return Self { _ throws(StoreError) in
      var buffer = ByteWriter()
      try write(&buffer)
      return KeyRange(prefix: buffer.bytes.array)
    }
  }
}

extension ScanRange where Key == StringCodec {
  /// Rows whose key starts with the text.
  public static func prefix(_ text: String) -> Self {
    Self { _ throws(StoreError) in KeyRange(prefix: Array(text.utf8)) }
  }
}

extension ScanRange where Key == ListCodec<StringCodec> {
  /// Rows whose key starts with the texts, of which the last may be the start of a longer one.
  public static func prefix(_ texts: [String]) -> Self {
    Self { codec throws(StoreError) in
      var buffer = ByteWriter()
      for text in texts {
        buffer.append(1)
        try codec.element.encodeComponent(text, into: &buffer)
      }
      // Without the two bytes that end the last text, longer ones follow.
      buffer.truncate(to: max(0, buffer.count - 2))
      return KeyRange(prefix: buffer.bytes.array)
    }
  }
}

extension ScanRange where Key == BytesCodec {
  /// Rows whose key starts with the bytes.
  public static func prefix(_ bytes: [UInt8]) -> Self {
    Self { _ throws(StoreError) in KeyRange(prefix: bytes) }
  }
}

/// The order in which a scan visits rows.
public enum ScanOrder: String, Sendable, Codable {
  /// Smallest key first.
  case ascending
  /// Greatest key first.
  case descending
}

/// Where a scan stands, as a value that can be stored and carried to another process.
public struct ScanContinuation: Sendable, Hashable, Codable {
  /// The key of the last row that was given out.
  public let lastKey: [UInt8]
}

/// A half-open range of encoded keys.
struct KeyRange: Sendable, Equatable {
  var lower: [UInt8] = []
  /// The first key beyond the range; `nil` without an end.
  var upper: [UInt8]?

  /// From `lower` on and before `upper`; empty if that comes first.
  init(lower: [UInt8] = [], upper: [UInt8]? = nil) {
    self.lower = lower
    self.upper = upper.map { max($0, lower, by: lexicographic) }
  }

  /// All keys that start with `prefix`.
  init(prefix: [UInt8]) {
    lower = prefix
    var next = prefix
    while let last = next.popLast() {
      if last < 0xFF {
        upper = next + [last + 1]
        return
      }
    }
    upper = nil
  }

  /// The rest of the range behind a key that was visited.
  func continued(after lastKey: [UInt8], _ order: ScanOrder) -> KeyRange {
    switch order {
    case .ascending: KeyRange(lower: max(lower, lastKey + [0], by: lexicographic), upper: upper)
    case .descending: KeyRange(lower: lower, upper: min(upper ?? lastKey, lastKey, by: lexicographic))
    }
  }
}

private func lexicographic(_ a: [UInt8], _ b: [UInt8]) -> Bool { a.lexicographicallyPrecedes(b) }
private func max(_ a: [UInt8], _ b: [UInt8], by precedes: ([UInt8], [UInt8]) -> Bool) -> [UInt8] {
  precedes(a, b) ? b : a
}
private func min(_ a: [UInt8], _ b: [UInt8], by precedes: ([UInt8], [UInt8]) -> Bool) -> [UInt8] {
  precedes(b, a) ? b : a
}

extension Codec {
  /// The bytes of one value.
  func bytes(_ value: Value) throws(StoreError) -> [UInt8] {
    var buffer = ByteWriter()
    try encode(value, into: &buffer)
    return buffer.bytes.array
  }

  /// The smallest bytes that are greater than those of one value.
  func successor(_ value: Value) throws(StoreError) -> [UInt8] { try bytes(value) + [0] }
}
