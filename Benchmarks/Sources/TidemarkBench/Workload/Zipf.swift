import Foundation

/// Draws ranks by Zipf's law in constant time.
///
/// Source: rejection-inversion, W. Hörmann and G. Derflinger, "Rejection-inversion to generate variates from monotone
/// discrete distributions", 1996.
struct Zipf {
  private let count: Double
  private let exponent: Double
  private let integralOfFirst: Double
  private let integralOfLast: Double
  private let squeeze: Double

  /// Ranks `0 ..< count`; `exponent` must not be 1.
  init(count: Int, exponent: Double) {
    precondition(count > 0 && exponent > 0 && exponent != 1)
    self.count = Double(count)
    self.exponent = exponent
    func integral(_ x: Double) -> Double { pow(x, 1 - exponent) / (1 - exponent) }
    integralOfFirst = integral(1.5) - 1
    integralOfLast = integral(Double(count) + 0.5)
    squeeze = 2 - pow((integral(2.5) - pow(2, -exponent)) * (1 - exponent), 1 / (1 - exponent))
  }

  private func integral(_ x: Double) -> Double { pow(x, 1 - exponent) / (1 - exponent) }

  /// A rank; 0 is the most frequent.
  func draw(_ random: inout SeededGenerator) -> Int {
    while true {
      let u = integralOfLast + random.unit() * (integralOfFirst - integralOfLast)
      let x = pow(u * (1 - exponent), 1 / (1 - exponent))
      let rank = min(max(x.rounded(), 1), count)
      if rank - x <= squeeze || u >= integral(rank + 0.5) - pow(rank, -exponent) { return Int(rank) - 1 }
    }
  }
}
