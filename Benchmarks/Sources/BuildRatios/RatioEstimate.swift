import Foundation

/// The ratio of a figure of one build to that of another, estimated from pairs of runs.
///
/// The estimate is that of Hodges and Lehmann, of the quotients' logarithms: the median of the geometric means of any
/// two quotients. Its interval at 95 % confidence holds the values that Wilcoxon's signed rank test doesn't reject,
/// with the exact distribution of the rank sum. The method only assumes that logarithms scatter symmetrically: on a
/// busy machine single pairs stray far, which moves a mean and widens an interval by Student's t distribution.
///
/// Source: M. Hollander and D. A. Wolfe, "Nonparametric Statistical Methods", 1999, sections 3.2 and 3.3.
public struct RatioEstimate: Sendable, Equatable {
  /// The estimate.
  public let middle: Double
  /// The ends of the interval; fewer than ``leastPairs`` give none.
  public let interval: ClosedRange<Double>?

  /// With fewer pairs even the interval between the extremes has less confidence than 95 %.
  public static let leastPairs = 6

  /// Estimates from one quotient per pair, each above 0; `nil` if there are none.
  public init?(_ quotients: [Double]) {
    let logarithms = quotients.map { log($0) }
    let means = logarithms.indices
      .flatMap { index in logarithms[index...].map { ($0 + logarithms[index]) / 2 } }.sorted()
    guard !means.isEmpty else { return nil }
    let half = means.count / 2
    middle = exp(means.count % 2 == 1 ? means[half] : (means[half - 1] + means[half]) / 2)
    guard quotients.count >= Self.leastPairs else {
      interval = nil
      return
    }
    let cut = Self.cut(quotients.count)
    interval = exp(means[cut])...exp(means[means.count - 1 - cut])
  }

  /// How far the interval reaches from the estimate: 0.02 is 2 %; `nil` if there is no interval.
  public var reach: Double? { interval.map { max(middle / $0.lowerBound, $0.upperBound / middle) - 1 } }

  /// The number of the least means, and of the greatest, that lie outside the interval.
  ///
  /// It is the test's critical value: the greatest number that the rank sum of `count` pairs doesn't exceed with a
  /// probability of at most 2.5 %.
  static func cut(_ count: Int) -> Int {
    // The probability of each sum of the ranks with a positive difference: each rank has one with probability one half.
    var probabilities = [1.0]
    for rank in 1...max(count, 1) {
      var next = [Double](repeating: 0, count: probabilities.count + rank)
      for (sum, probability) in probabilities.enumerated() {
        next[sum] += probability / 2
        next[sum + rank] += probability / 2
      }
      probabilities = next
    }
    var (cut, cumulated) = (0, probabilities[0])
    while cumulated + probabilities[cut + 1] <= 0.025 {
      cut += 1
      cumulated += probabilities[cut]
    }
    return cut
  }
}
