/// The version of the formats that a changelog and a store use.
///
/// Both keep version 1, which every version of Tidemark reads, until something is used that only version 2 can say, or
/// they are told to go on in version 2. The changelog then has a record of the table id 0 (``TableID/system``) with this key and
/// value; versions of Tidemark before 0.2 refuse it.
///
/// | bytes | field |
/// |---|---|
/// | key: 1 | 2, the version of the formats |
/// | value: varint | the version, from 2 |
public struct FormatVersion: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  static let kind: UInt8 = 2

  /// Its number.
  public let rawValue: UInt64

  /// The version of a number.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// That of Tidemark 0.1.
  public static let version1 = Self(rawValue: 1)
  /// With tagged fields.
  public static let version2 = Self(rawValue: 2)
  /// The greatest that this version of Tidemark reads and writes.
  public static let latest = version2

  /// The number.
  public var description: String { "\(rawValue)" }

  /// Earlier versions are less.
  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

  /// Appends the key of the record.
  public static func encodeKey(into buffer: inout ByteWriter) { buffer.append(kind) }

  /// Appends the value of the record.
  public func encodeValue(into buffer: inout ByteWriter) { buffer.append(varint: rawValue) }

  /// Whether a key of the table id 0 is that of the record.
  public static func isKey(_ key: RawSpan) -> Bool { key.byteCount == 1 && key.byte(at: 0) == kind }

  /// Decodes the value of the record.
  ///
  /// Throws `unsupported` for a version that isn't known here, `corrupted` for bytes that are no version.
  public init(value: RawSpan) throws(StoreError) {
    var reader = ByteReader(value)
    guard let number = reader.varint(), reader.remaining == 0, value.byteCount == varintLength(number), number >= 1
    else { throw StoreError(.corrupted, "the version of the formats can't be read") }
    guard number <= Self.latest.rawValue else {
      throw StoreError(
        .unsupported, "the formats are newer than this version; open it with a newer Tidemark", ["version": number])
    }
    rawValue = number
  }
}
