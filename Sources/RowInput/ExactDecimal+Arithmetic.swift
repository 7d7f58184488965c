extension ExactDecimal {
  /// The exact sum; `nil` if it has too many digits.
  package func adding(_ other: ExactDecimal) -> ExactDecimal? {
    if scale == other.scale {
      let (sum, overflow) = mantissa.addingReportingOverflow(other.mantissa)
      if !overflow { return .init(mantissa: sum, scale: Int(scale)) }
      return Self.sumBeyond128Bits(self, other)
    }
    let (coarse, fine) = scale < other.scale ? (self, other) : (other, self)
    let power = powerOfTen(Int(fine.scale - coarse.scale))
    // The sum's last digit is that of `fine`, which isn't zero: the sum is in lowest terms.
    let (product, overflow) = coarse.mantissa.multipliedReportingOverflow(by: Int128(power))
    if !overflow {
      let (sum, overflow) = product.addingReportingOverflow(fine.mantissa)
      return overflow ? nil : .init(canonicalMantissa: sum, scale: fine.scale)
    }
    // The product may leave the range by so little that the sum, of opposite signs, is back inside.
    guard (coarse.mantissa < 0) != (fine.mantissa < 0) else { return nil }
    let wide = coarse.mantissa.magnitude.multipliedFullWidth(by: power)
    // A product from 2^128 on can't come back into range; below, it is at least 2^127, which no mantissa exceeds.
    guard wide.high == 0,
      let sum = signed(wide.low - fine.mantissa.magnitude, isNegative: coarse.mantissa < 0)
    else { return nil }
    return .init(canonicalMantissa: sum, scale: fine.scale)
  }

  /// A sum of two numbers of one sign that exceeds 127 bits, but may fit without trailing zeros of its fraction.
  private static func sumBeyond128Bits(_ left: ExactDecimal, _ right: ExactDecimal) -> ExactDecimal? {
    // The only sum of two magnitudes that takes more than 128 bits is 2^128, which doesn't end with a zero.
    var (sum, overflow) = left.mantissa.magnitude.addingReportingOverflow(right.mantissa.magnitude)
    var scale = left.scale
    if overflow { return nil }
    while scale > 0, sum % 10 == 0 {
      sum /= 10
      scale -= 1
    }
    guard let mantissa = signed(sum, isNegative: left.mantissa < 0) else { return nil }
    return .init(canonicalMantissa: mantissa, scale: scale)
  }
}

extension ExactDecimal: Comparable {
  /// Compares values exactly, whatever the scales.
  package static func < (left: ExactDecimal, right: ExactDecimal) -> Bool {
    if left.scale == right.scale { return left.mantissa < right.mantissa }
    if left.scale < right.scale {
      let power = Int128(powerOfTen(Int(right.scale - left.scale)))
      let (product, overflow) = left.mantissa.multipliedReportingOverflow(by: power)
      // A product beyond 127 bits is farther from zero than anything inside.
      return overflow ? left.mantissa < 0 : product < right.mantissa
    }
    let power = Int128(powerOfTen(Int(left.scale - right.scale)))
    let (product, overflow) = right.mantissa.multipliedReportingOverflow(by: power)
    return overflow ? right.mantissa > 0 : left.mantissa < product
  }
}

/// 10^`exponent`, which is at most 38.
func powerOfTen(_ exponent: Int) -> UInt128 {
  precondition(exponent <= 38)
  var power: UInt128 = 1
  for _ in 0..<exponent { power &*= 10 }
  return power
}

/// The number with this magnitude and sign; `nil` if 128 bits don't hold it.
func signed(_ magnitude: UInt128, isNegative: Bool) -> Int128? {
  if isNegative {
    return magnitude <= Int128.min.magnitude ? 0 &- Int128(truncatingIfNeeded: magnitude) : nil
  }
  return Int128(exactly: magnitude)
}
