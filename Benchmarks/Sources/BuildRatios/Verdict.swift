/// The verdict that pairs of runs give on a row of two builds.
public enum Verdict: String, Sendable, Codable, Equatable {
  /// Not slower than the bar allows, and known narrowly enough.
  case kept
  /// Below the bar, however wide the interval is.
  case slower
  /// Not below the bar, but the interval is too wide to rely on it.
  case undecided

  /// The least that new/old may be.
  public static let bar = 0.97
  /// How far an interval may reach from its estimate.
  public static let reach = 0.02

  /// Judges an estimate; without one the verdict is undecided.
  public init(_ estimate: RatioEstimate?) {
    guard let estimate else {
      self = .undecided
      return
    }
    if estimate.middle < Self.bar {
      self = .slower
    } else {
      self = Self.isNarrow(estimate) ? .kept : .undecided
    }
  }

  /// Whether the interval is narrow enough to need no more pairs.
  public static func isNarrow(_ estimate: RatioEstimate) -> Bool { (estimate.reach ?? .infinity) < Self.reach }
}
