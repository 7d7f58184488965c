extension ExactDecimal {
  /// Why a text is no exact decimal.
  package enum ParseError: Error, Sendable, Equatable {
    /// It is not a number.
    case notANumber
    /// It is a number with too many digits.
    case outOfRange
  }

  /// Reads a number: an optional sign, digits with an optional point (`5`, `5.`, `.5`), an optional exponent (`1.5e3`),
  /// and blanks around them; `nil` if there are only blanks.
  ///
  /// Any number of insignificant zeros is allowed. O(bytes).
  package static func parse(_ bytes: RawSpan) throws(ParseError) -> ExactDecimal? {
    var end = bytes.byteCount
    var at = 0
    while at < end, isBlank(bytes.byte(at)) { at += 1 }
    while at < end, isBlank(bytes.byte(end - 1)) { end -= 1 }
    if at == end { return nil }
    var isNegative = false
    if bytes.byte(at) == Byte.minus || bytes.byte(at) == Byte.plus {
      isNegative = bytes.byte(at) == Byte.minus
      at += 1
    }
    var digits = DigitAccumulator()
    while at < end {
      let byte = bytes.byte(at)
      if Byte.zero...Byte.nine ~= byte {
        digits.append(byte - Byte.zero)
      } else if byte == Byte.point, !digits.isFraction {
        digits.isFraction = true
      } else {
        break
      }
      at += 1
    }
    guard digits.hasDigits else { throw .notANumber }
    var exponent = 0
    if at < end { exponent = try parseExponent(bytes, at, end) }
    return try digits.decimal(isNegative: isNegative, exponent: exponent)
  }

  private static func parseExponent(_ bytes: RawSpan, _ start: Int, _ end: Int) throws(ParseError) -> Int {
    guard bytes.byte(start) | 0x20 == UInt8(ascii: "e") else { throw .notANumber }
    var at = start + 1
    var isNegative = false
    if at < end, bytes.byte(at) == Byte.minus || bytes.byte(at) == Byte.plus {
      isNegative = bytes.byte(at) == Byte.minus
      at += 1
    }
    guard at < end else { throw .notANumber }
    var exponent = 0
    while at < end {
      guard Byte.zero...Byte.nine ~= bytes.byte(at) else { throw .notANumber }
      // No text has enough digits to bring a greater exponent back into range.
      exponent = min(exponent * 10 + Int(bytes.byte(at) - Byte.zero), 1 << 48)
      at += 1
    }
    return isNegative ? -exponent : exponent
  }

  @inline(__always)
  private static func isBlank(_ byte: UInt8) -> Bool { byte == Byte.space || byte == Byte.tab }
}

/// The digits of a number from left to right.
///
/// Zeros count only once another digit follows, so that the result is in
/// lowest terms without a division.
private struct DigitAccumulator {
  var isFraction = false
  private(set) var hasDigits = false
  private var short: UInt64 = 0
  private var wide: UInt128?
  /// How many digits `short` or `wide` holds, from the first that isn't zero.
  private var heldDigits = 0
  private var pendingZeros = 0
  private var fractionDigits = 0
  private var isOverflown = false

  @inline(__always)
  mutating func append(_ digit: UInt8) {
    hasDigits = true
    if isFraction { fractionDigits &+= 1 }
    if digit == 0 {
      if heldDigits > 0 { pendingZeros &+= 1 }
    } else if pendingZeros == 0, heldDigits < 18 {
      short = short &* 10 &+ UInt64(digit)
      heldDigits &+= 1
    } else {
      appendFar(digit)
    }
  }

  private mutating func appendFar(_ digit: UInt8) {
    heldDigits += pendingZeros + 1
    guard heldDigits <= 39, pendingZeros < 38 else {
      isOverflown = true
      pendingZeros = 0
      return
    }
    let power = powerOfTen(pendingZeros + 1)
    pendingZeros = 0
    if heldDigits <= 18 {
      short = short &* UInt64(power) &+ UInt64(digit)
      return
    }
    let (product, overflow) = (wide ?? UInt128(short)).multipliedReportingOverflow(by: power)
    let (sum, carry) = product.addingReportingOverflow(UInt128(digit))
    wide = sum
    if overflow || carry { isOverflown = true }
  }

  func decimal(isNegative: Bool, exponent: Int) throws(ExactDecimal.ParseError) -> ExactDecimal {
    if isOverflown { throw .outOfRange }
    if heldDigits == 0 { return .zero }
    var magnitude = wide ?? UInt128(short)
    let power = exponent + pendingZeros - fractionDigits
    if power > 0 {
      guard power <= 38 else { throw .outOfRange }
      let (product, overflow) = magnitude.multipliedReportingOverflow(by: powerOfTen(power))
      if overflow { throw .outOfRange }
      magnitude = product
    }
    guard power >= -ExactDecimal.greatestScale, let mantissa = signed(magnitude, isNegative: isNegative) else {
      throw .outOfRange
    }
    return ExactDecimal(canonicalMantissa: mantissa, scale: UInt8(max(0, -power)))
  }
}
