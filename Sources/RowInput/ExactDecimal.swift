/// A decimal number without rounding: `mantissa` / 10^`scale`.
///
/// It is always in lowest terms (a fraction has no trailing zeros), so that equal values are equal in every
/// representation. Holds up to 38 digits, up to 36 of them after the point.
package struct ExactDecimal: Sendable, Hashable {
  /// All digits, with the sign.
  package let mantissa: Int128
  /// How many of the digits follow the point: 0…36.
  package let scale: UInt8

  /// The greatest number of digits after the point.
  package static let greatestScale = 36
  /// Nothing.
  package static let zero = ExactDecimal(0)

  /// A whole number.
  package init(_ value: Int) {
    mantissa = Int128(value)
    scale = 0
  }

  /// The number `mantissa` / 10^`scale`; `nil` if it has more than 36 digits after the point.
  package init?(mantissa: Int128, scale: Int) {
    precondition(scale >= 0)
    var mantissa = mantissa
    var scale = mantissa == 0 ? 0 : scale
    while scale > 0 {
      // 64-bit division is faster, and most numbers are short.
      if let short = Int64(exactly: mantissa) {
        let (quotient, remainder) = short.quotientAndRemainder(dividingBy: 10)
        if remainder != 0 { break }
        mantissa = Int128(quotient)
      } else {
        let (quotient, remainder) = mantissa.quotientAndRemainder(dividingBy: 10)
        if remainder != 0 { break }
        mantissa = quotient
      }
      scale -= 1
    }
    guard scale <= Self.greatestScale else { return nil }
    self.init(canonicalMantissa: mantissa, scale: UInt8(scale))
  }

  /// Takes parts that are in lowest terms.
  init(canonicalMantissa mantissa: Int128, scale: UInt8) {
    self.mantissa = mantissa
    self.scale = scale
  }
}

extension ExactDecimal: CustomStringConvertible {
  /// Digits without an exponent, as `-2.5` or `196719`: equal values have equal texts, which are valid JSON.
  package var description: String {
    if scale == 0 { return String(mantissa) }
    var digits = String(mantissa.magnitude)
    if digits.utf8.count <= Int(scale) {
      digits = String(repeating: "0", count: Int(scale) + 1 - digits.utf8.count) + digits
    }
    digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -Int(scale)))
    return mantissa < 0 ? "-" + digits : digits
  }
}
