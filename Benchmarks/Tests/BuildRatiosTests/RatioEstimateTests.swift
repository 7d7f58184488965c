import Testing

@testable import BuildRatios

@Suite struct RatioEstimateTests {
  /// The critical values of Wilcoxon's signed rank test at 5 %, two-sided, as tables have them.
  @Test(arguments: [(6, 0), (7, 2), (8, 3), (9, 5), (10, 8), (15, 25), (20, 52), (25, 89), (30, 137)])
  func cutIsTheCriticalValueOfTables(_ count: Int, _ value: Int) {
    #expect(RatioEstimate.cut(count) == value)
  }

  @Test func noPairsGiveNoEstimate() { #expect(RatioEstimate([]) == nil) }

  @Test func fewPairsGiveNoInterval() throws {
    let estimate = try #require(RatioEstimate([1, 1, 1, 1, 1]))
    #expect(estimate.middle == 1)
    #expect(estimate.interval == nil)
    #expect(estimate.reach == nil)
  }

  @Test func sixPairsReachFromTheLeastToTheGreatest() throws {
    let estimate = try #require(RatioEstimate([0.9, 1, 1.02, 0.98, 1.01, 1.1]))
    let interval = try #require(estimate.interval)
    #expect(abs(interval.lowerBound - 0.9) < 1e-12)
    #expect(abs(interval.upperBound - 1.1) < 1e-12)
  }

  @Test func estimateIsGeometric() throws {
    let estimate = try #require(RatioEstimate([0.5, 2]))
    #expect(abs(estimate.middle - 1) < 1e-12)
  }

  /// The reciprocal quotients give the reciprocal estimate: which build is called the first makes no difference.
  @Test func estimateIsSymmetric() throws {
    let quotients = [0.93, 1.2, 1.01, 0.99, 1.04, 0.97, 1.3, 1.02]
    let (one, other) = (
      try #require(RatioEstimate(quotients)), try #require(RatioEstimate(quotients.map { 1 / $0 }))
    )
    let (oneInterval, otherInterval) = (try #require(one.interval), try #require(other.interval))
    #expect(abs(one.middle * other.middle - 1) < 1e-12)
    #expect(abs(oneInterval.lowerBound * otherInterval.upperBound - 1) < 1e-12)
  }

  @Test func onePairFarOffMovesLittle() throws {
    let usual = [0.99, 1.01, 1, 1.005, 0.995, 1.01, 0.99, 1, 1.002, 0.998, 1.001]
    let estimate = try #require(RatioEstimate(usual + [3]))
    #expect(abs(estimate.middle - 1) < 0.005)
    #expect(try #require(estimate.reach) < 0.02)
  }

  /// Of 2,000 samples of 12 pairs whose logarithms are normally distributed, the interval holds the truth in 95 % or more.
  @Test func intervalHoldsTheTruthAsOftenAsItSays() throws {
    var generator = Generator(state: 1)
    var held = 0
    let samples = 2000
    for _ in 0..<samples {
      let quotients = (0..<12).map { _ in 0.95 * generator.quotient(scatter: 0.03) }
      if try #require(RatioEstimate(quotients)?.interval).contains(0.95) { held += 1 }
    }
    // Two-sided 95 % less four standard deviations of the count.
    #expect(Double(held) / Double(samples) > 0.93, "seed 1: \(held) of \(samples)")
  }
}

@Suite struct VerdictTests {
  private func quotients(around middle: Double, scatter: Double, count: Int = 20) -> [Double] {
    (0..<count).map { middle * (1 + scatter * (Double($0) - Double(count - 1) / 2) / Double(count)) }
  }

  @Test func narrowAndAboveTheBarIsKept() {
    #expect(Verdict(RatioEstimate(quotients(around: 0.98, scatter: 0.01))) == .kept)
  }

  @Test func belowTheBarIsSlowerHoweverWide() {
    #expect(Verdict(RatioEstimate(quotients(around: 0.96, scatter: 0.01))) == .slower)
    #expect(Verdict(RatioEstimate(quotients(around: 0.9, scatter: 0.5))) == .slower)
    #expect(Verdict(RatioEstimate([0.9])) == .slower)
  }

  @Test func wideAndAboveTheBarIsUndecided() {
    #expect(Verdict(RatioEstimate(quotients(around: 1, scatter: 0.5))) == .undecided)
    #expect(Verdict(RatioEstimate([1])) == .undecided)
    #expect(Verdict(nil) == .undecided)
  }
}

/// SplitMix64, and numbers that scatter.
private struct Generator {
  var state: UInt64

  mutating func unit() -> Double {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Double((z ^ (z >> 31)) >> 11) * 0x1p-53
  }

  /// About 1: the sum of twelve uniform numbers is nearly normal.
  mutating func quotient(scatter: Double) -> Double {
    1 + scatter * ((0..<12).reduce(0.0) { sum, _ in sum + unit() } - 6)
  }
}
