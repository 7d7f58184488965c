internal import CLongDecimal
internal import Glibc

/// A decimal number without rounding, of any number of digits.
///
/// Almost all numbers are ``ExactDecimal``s; the others cost an allocation each. Equal numbers are equal in every
/// representation.
package enum ExactNumber: Sendable, Hashable {
  case short(ExactDecimal)
  /// One that ``ExactDecimal`` can't hold.
  case long(LongDecimal)

  /// A whole number.
  package init(_ value: Int) { self = .short(ExactDecimal(value)) }

  /// Reads a number as ``ExactDecimal/parse(_:)`` does; a number beyond a double's range, as 1e400, is out of range.
  package static func parse(_ bytes: RawSpan) throws(ExactDecimal.ParseError) -> ExactNumber? {
    do throws(ExactDecimal.ParseError) { return try ExactDecimal.parse(bytes).map(ExactNumber.short) } catch {
      guard error == .outOfRange else { throw error }
      let number = try LongDecimal.parse(bytes)
      guard LongDecimal.doubleExponents.contains(number.exponent) else { throw .outOfRange }
      return number.canonical
    }
  }

  /// Reads a printed sum of any size; `nil` if the text is something else.
  package init?(printed text: RawSpan) {
    guard let short = (try? ExactDecimal.parse(text)).flatMap({ $0 }) else {
      guard let long = try? LongDecimal.parse(text) else { return nil }
      self = long.canonical
      return
    }
    self = .short(short)
  }

  /// The exact sum.
  package func adding(_ other: ExactNumber) -> ExactNumber {
    if case .short(let left) = self, case .short(let right) = other, let sum = left.adding(right) { return .short(sum) }
    return long.adding(other.long).canonical
  }

  private var long: LongDecimal {
    switch self {
    case .short(let number): LongDecimal(number)
    case .long(let number): number
    }
  }
}

extension ExactNumber: Comparable {
  /// Compares values exactly.
  package static func < (left: ExactNumber, right: ExactNumber) -> Bool {
    if case .short(let left) = left, case .short(let right) = right { return left < right }
    return left.long.isLess(than: right.long)
  }
}

extension ExactNumber: CustomStringConvertible {
  /// Equal values have equal texts, which are valid JSON.
  package var description: String {
    switch self {
    case .short(let number): number.description
    case .long(let number): number.description
    }
  }
}

/// `digits` / 10^`scale`, with a sign among the digits; without zeros in front, or at the end of a fraction.
package struct LongDecimal: Sendable, Hashable {
  /// How many digits a number may have before and after the point: enough for any sum of doubles, whose residues end
  /// 1,074 places after the point.
  package static let greatestDigitCount = 10_000

  /// The powers of ten that the first digit of a double, normalized or not, may stand for.
  static let doubleExponents = -324...308

  private let digits: String
  private let scale: Int

  /// The power of ten that the first digit stands for.
  var exponent: Int { digits.utf8.count - (digits.hasPrefix("-") ? 1 : 0) - 1 - scale }

  init(_ number: ExactDecimal) { (digits, scale) = (String(number.mantissa), Int(number.scale)) }

  /// Drops leading zeros, and trailing zeros of a fraction.
  private init(digits: String, scale: Int) {
    var text = Array(digits.utf8)[...]
    let isNegative = text.first == Byte.minus
    text = text.drop { $0 == Byte.minus || $0 == Byte.plus || $0 == Byte.zero }
    var scale = scale
    while scale > 0, text.last == Byte.zero {
      text.removeLast()
      scale -= 1
    }
    let rest = String(decoding: text, as: UTF8.self)
    self.digits = rest.isEmpty ? "0" : (isNegative ? "-" : "") + rest
    self.scale = rest.isEmpty ? 0 : scale
  }

  /// The number in its only representation.
  var canonical: ExactNumber {
    if let mantissa = Int128(digits), let number = ExactDecimal(mantissa: mantissa, scale: scale) {
      return .short(number)
    }
    return .long(self)
  }

  /// Reads a text that is a number.
  static func parse(_ bytes: RawSpan) throws(ExactDecimal.ParseError) -> LongDecimal {
    var (digits, exponent, scale, isFraction) = ("", 0, 0, false)
    var at = 0
    while at < bytes.byteCount {
      let byte = bytes.byte(at)
      switch byte {
      case Byte.minus, Byte.plus, Byte.zero...Byte.nine:
        digits.unicodeScalars.append(Unicode.Scalar(byte))
        if isFraction { scale += 1 }
      case Byte.point: isFraction = true
      case UInt8(ascii: "e"), UInt8(ascii: "E"):
        let text = (at + 1..<bytes.byteCount).map { bytes.byte($0) }.filter { $0 > Byte.space }
        guard let value = Int(String(decoding: text, as: UTF8.self)) else { throw .outOfRange }
        exponent = value
        at = bytes.byteCount
      default: break  // blanks
      }
      at += 1
    }
    guard digits.utf8.count <= 1 << 20, exponent.magnitude <= 1 << 20 else { throw .outOfRange }
    let places = scale - exponent
    let number = LongDecimal(
      digits: places < 0 ? digits + String(repeating: "0", count: -places) : digits, scale: max(0, places))
    guard number.digits.utf8.count - number.scale <= greatestDigitCount, number.scale <= greatestDigitCount else {
      throw .outOfRange
    }
    return number
  }

  func adding(_ other: LongDecimal) -> LongDecimal {
    let common = max(scale, other.scale)
    guard
      let sum = unsafe tidemark_long_decimal_add(
        digits, UInt(common - scale), other.digits, UInt(common - other.scale))
    else { fatalError("no memory") }
    defer { unsafe free(sum) }
    // Proof: the sum is a terminated text.
    return LongDecimal(digits: unsafe String(cString: sum), scale: common)
  }

  func isLess(than other: LongDecimal) -> Bool {
    let common = max(scale, other.scale)
    return unsafe tidemark_long_decimal_compare(
      digits, UInt(common - scale), other.digits, UInt(common - other.scale)) < 0
  }
}

extension LongDecimal: CustomStringConvertible {
  /// With an exponent if most digits would be zeros, as `-1.7976931348623157e308`.
  package var description: String {
    let sign = digits.hasPrefix("-") ? "-" : ""
    var text = String(digits.dropFirst(sign.count))
    var significant = text
    while significant.hasSuffix("0") { significant.removeLast() }
    if significant.utf8.count <= max(text.utf8.count, scale) / 2 {
      let exponent = text.utf8.count - 1 - scale
      let fraction = significant.dropFirst()
      return "\(sign)\(significant.prefix(1))\(fraction.isEmpty ? "" : "." + fraction)e\(exponent)"
    }
    if scale == 0 { return sign + text }
    if text.utf8.count <= scale { text = String(repeating: "0", count: scale + 1 - text.utf8.count) + text }
    text.insert(".", at: text.index(text.endIndex, offsetBy: -scale))
    return sign + text
  }
}
