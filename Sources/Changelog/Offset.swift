/// A place in a changelog or an input partition: the **next** record to read or apply, as in Kafka.
///
/// Ranges are half-open; an unknown offset is `nil`, never a sentinel.
public struct Offset: Hashable, Comparable, Sendable, Codable {
  /// The number, counted from 0.
  public let value: Int64

  /// Wraps a number.
  @inlinable
  public init(_ value: Int64) { self.value = value }

  /// The start of every partition.
  public static let zero = Offset(0)

  /// Orders by number.
  @inlinable
  public static func < (a: Offset, b: Offset) -> Bool { a.value < b.value }

  /// The offset `count` records further on.
  @inlinable
  public func advanced(by count: Int64) -> Offset { Offset(value + count) }
}

extension Offset: ExpressibleByIntegerLiteral, CustomStringConvertible {
  /// Lets a literal stand for an offset.
  @inlinable
  public init(integerLiteral value: Int64) { self.init(value) }
  /// The number alone.
  public var description: String { String(value) }
}
