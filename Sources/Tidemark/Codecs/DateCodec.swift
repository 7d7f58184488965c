public import Changelog
public import Foundation

/// Points in time in 8 bytes, in their order: seconds since 2001-01-01 00:00:00 UTC as a double, in the bytes of
/// ``DoubleCodec``.
///
/// A `Date` comes back exactly as it was: its precision is the double's, some 0.1 µs around the year 2030. For
/// milliseconds since 1970, as in Kafka, take ``Codec/int64``.
public struct DateCodec: KeyCodec {
  /// `date`.
  public var name: String { "date" }

  /// Appends the seconds; throws `invalidArgument` if they are not a number.
  @inlinable
  public func encode(_ value: Date, into bytes: inout ByteWriter) throws(StoreError) {
    let seconds = value.timeIntervalSinceReferenceDate
    guard !seconds.isNaN else { throw StoreError(.invalidArgument, "a date is not a number") }
    // The sum of -0 and 0 is 0: one date has one encoding.
    DoubleCodec().encode(seconds + 0, into: &bytes)
  }

  /// Reads the seconds.
  @inlinable
  public func decode(_ bytes: RawSpan) throws(StoreError) -> Date {
    var reader = ByteReader(bytes)
    return try decodeWhole(&reader)
  }

  /// Appends the seconds.
  @inlinable
  public func encodeComponent(_ value: Date, into bytes: inout ByteWriter) throws(StoreError) {
    try encode(value, into: &bytes)
  }

  /// Reads the seconds.
  @inlinable
  public func decodeComponent(_ reader: inout ByteReader) throws(StoreError) -> Date {
    let seconds = try DoubleCodec().decodeComponent(&reader)
    guard !seconds.isNaN, seconds.bitPattern != 1 << 63 else { throw StoreError(.corrupted, "not a date") }
    return Date(timeIntervalSinceReferenceDate: seconds)
  }
}

extension Codec where Self == DateCodec {
  /// Points in time in 8 bytes, to the double's precision.
  public static var date: Self { Self() }
}
