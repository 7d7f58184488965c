/// What a row must reach.
///
/// `ratio` is always the baseline's time divided by the case's, so more is better: "at most 1.1 of its time" is 0.91.
struct Bar: Sendable {
  let name: String
  let against: String?
  let distribution: Distribution?
  let recordsPerCommit: Int?
  let limit: Limit

  enum Limit: Sendable {
    /// The ratio is at least this.
    case ratio(Double)
    /// An operation takes at most this many nanoseconds, by the median of the rounds.
    case nanosecondsPerRecord(Double)
    /// The 99th percentile and the greatest latency, in nanoseconds, are at most these.
    case latency(p99: UInt64, max: UInt64)
  }

  /// The bars in force.
  static let all: [Bar] = []

  /// The bar of a row; nil if there is none.
  static func of(_ row: Row) -> Bar? {
    all.first { bar in
      bar.name == row.name && (bar.against ?? row.against) == row.against
        && (bar.distribution ?? row.distribution) == row.distribution
        && (bar.recordsPerCommit ?? row.recordsPerCommit) == row.recordsPerCommit
    }
  }

  /// The number that is written beside the row.
  var value: Double {
    switch limit {
    case .ratio(let ratio): ratio
    case .nanosecondsPerRecord(let nanoseconds): nanoseconds
    case .latency(let p99, _): Double(p99)
    }
  }

  /// Whether a row reaches it.
  func isReached(by row: Row) -> Bool {
    switch limit {
    case .ratio(let ratio): (row.ratio ?? 0) >= ratio
    case .nanosecondsPerRecord(let nanoseconds): row.nanosecondsPerRecord <= nanoseconds
    case .latency(let p99, let max):
      row.latency.map { Double($0.p99) <= Double(p99) && Double($0.max) <= Double(max) } ?? false
    }
  }
}
