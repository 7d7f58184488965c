// The bytes of compact values: a version, and one data item of CBOR (RFC 8949), of which these forms are used. Arguments
// are big-endian and as short as they can be.
//
// | first byte | then | item |
// |---|---|---|
// | 00…17 | | the integers 0 to 23 |
// | 18, 19, 1A, 1B | 1, 2, 4, 8 bytes: n | the integer n |
// | 20…37, 38, 39, 3A, 3B | n as above | the integer -1 - n |
// | 40…57, 58, 59, 5A, 5B | n as above, n bytes | bytes |
// | 60…77, 78, 79, 7A, 7B | n as above, n bytes of UTF-8 | text |
// | 9F | items, FF | an array |
// | BF | pairs of text and item, FF | a map: named fields, or a dictionary |
// | F4, F5, F6 | | false, true, null |
// | FA | 4 bytes | a Float |
// | FB | 8 bytes | a Double |

internal import Changelog

enum CompactFormat {
  static let version: UInt8 = 1
  static let greatestDepth = 128

  static let positive: UInt8 = 0
  static let negative: UInt8 = 1
  static let bytes: UInt8 = 2
  static let text: UInt8 = 3

  static let array: UInt8 = 0x9F
  static let map: UInt8 = 0xBF
  static let no: UInt8 = 0xF4
  static let yes: UInt8 = 0xF5
  static let null: UInt8 = 0xF6
  static let float: UInt8 = 0xFA
  static let double: UInt8 = 0xFB
  static let end: UInt8 = 0xFF

  /// The argument of an item whose first byte was read; `nil` if it is cut short or longer than it has to be.
  @inline(__always)
  static func argument(_ first: UInt8, _ reader: inout ByteReader) -> UInt64? {
    switch first & 0x1F {
    case let small where small < 24: return UInt64(small)
    case 24: return reader.integer(UInt8.self).flatMap { $0 < 24 ? nil : UInt64($0) }
    case 25: return reader.integer(UInt16.self).flatMap { $0 <= 0xFF ? nil : UInt64($0) }
    case 26: return reader.integer(UInt32.self).flatMap { $0 <= 0xFFFF ? nil : UInt64($0) }
    case 27: return reader.integer(UInt64.self).flatMap { $0 <= 0xFFFF_FFFF ? nil : $0 }
    default: return nil
    }
  }

  /// Text, with its start.
  static func text(_ reader: inout ByteReader) -> String? {
    guard let first = reader.integer(UInt8.self), first >> 5 == text, let count = argument(first, &reader) else {
      return nil
    }
    return Int(exactly: count).flatMap { reader.string($0) }
  }

  /// A kind of item, for people.
  static func kind(_ first: UInt8) -> String {
    switch first {
    case array: "an array"
    case map: "named fields"
    case no, yes: "a Boolean"
    case null: "null"
    case float, double: "a floating-point number"
    default: ["an integer", "an integer", "bytes", "text"][min(Int(first >> 5), 3)]
    }
  }
}

extension ByteWriter {
  /// Appends the start of an integer, of bytes or of text.
  @inline(__always)
  mutating func append(item kind: UInt8, _ argument: UInt64) {
    let first = kind << 5
    if argument < 24 {
      append(first | UInt8(truncatingIfNeeded: argument))
    } else if argument <= 0xFF {
      append(first | 24)
      append(UInt8(truncatingIfNeeded: argument))
    } else if argument <= 0xFFFF {
      append(first | 25)
      append(bigEndian: UInt16(truncatingIfNeeded: argument))
    } else if argument <= 0xFFFF_FFFF {
      append(first | 26)
      append(bigEndian: UInt32(truncatingIfNeeded: argument))
    } else {
      append(first | 27)
      append(bigEndian: argument)
    }
  }
}

/// A key of a coding path.
struct CompactKey: CodingKey {
  var stringValue: String
  var intValue: Int?

  init(stringValue: String) { self.stringValue = stringValue }
  init(intValue: Int) {
    stringValue = "\(intValue)"
    self.intValue = intValue
  }

  static let superclass = Self(stringValue: "super")
}
