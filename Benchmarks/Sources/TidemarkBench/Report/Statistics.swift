import Foundation

/// The middle value, or the mean of the two in the middle; nil for none.
func median(_ values: [Double]) -> Double? {
  if values.isEmpty { return nil }
  let sorted = values.sorted()
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/// The middle of scattering positive values: the median of the geometric means of all pairs; nil for none.
///
/// It scatters less than the median, and outliers move it as little. Source: J. L. Hodges and E. L. Lehmann, "Estimates
/// of location based on rank tests" (1963), applied to the logarithms.
func pseudomedian(_ values: [Double]) -> Double? {
  let logarithms = values.map { log($0) }
  let means = logarithms.indices.flatMap { index in logarithms[index...].map { ($0 + logarithms[index]) / 2 } }
  return median(means).map { exp($0) }
}

extension Array where Element: Hashable {
  /// Each element once, at its first position.
  var inFirstOrder: [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}

extension Double {
  /// Rounded to this number of digits after the point.
  func rounded(to digits: Int) -> Double {
    let scale = pow(10, Double(digits))
    return (self * scale).rounded() / scale
  }

  /// With exactly this many digits after the point.
  func fixed(_ digits: Int) -> String {
    let rounded = self.rounded(to: digits)
    if digits == 0 { return Int(rounded).description }
    let scale = Int(pow(10, Double(digits)))
    let whole = Int((abs(rounded) * Double(scale)).rounded())
    let fraction = String(whole % scale)
    let sign = rounded < 0 ? "-" : ""
    return "\(sign)\(whole / scale).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
  }
}

extension Int {
  /// With commas between thousands.
  var grouped: String {
    var digits = Array(String(magnitude))
    var position = digits.count - 3
    while position > 0 {
      digits.insert(",", at: position)
      position -= 3
    }
    return (self < 0 ? "-" : "") + String(digits)
  }
}
