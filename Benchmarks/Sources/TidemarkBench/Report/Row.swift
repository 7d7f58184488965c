import Histogram

/// One line of the results: a case and its baseline.
///
/// Each ratio is of two runs of the same turn; `ratio` is the middle of the rounds (``pseudomedian(_:)``).
struct Row: Sendable {
  let group: String
  let name: String
  let against: String?
  let distribution: Distribution
  let recordsPerCommit: Int?
  /// The number of runs that count: one per round; for a baseline, one for every four cases.
  let rounds: Int
  let operations: Int
  /// The median of the runs.
  let nanosecondsPerRecord: Double
  /// The baseline's time divided by this case's: more is better.
  let ratio: Double?
  /// The median of the rounds' ratios.
  let medianRatio: Double?
  /// The least and the greatest ratio of a round.
  let ratioRange: [Double]?
  /// Each round's ratio, and each run's time, so that the spread can be studied.
  let roundRatios: [Double]?
  let roundNanosecondsPerRecord: [Double]
  let latency: Latency?
  /// Bytes handed to the file system for each byte of keys and values put.
  let writeAmplification: Double?
  let databaseBytes: Int?
  let changelogBytes: Int?
  let debt: CompactionDebt?

  /// Percentiles in nanoseconds, over all rounds.
  struct Latency: Sendable, Codable {
    let of: String
    let p50: UInt64
    let p99: UInt64
    let p999: UInt64
    let max: UInt64

    init?(of name: String?, _ histogram: Histogram<UInt64>) {
      guard let name, histogram.totalCount > 0 else { return nil }
      of = name
      p50 = histogram.valueAtPercentile(50)
      p99 = histogram.valueAtPercentile(99)
      p999 = histogram.valueAtPercentile(99.9)
      max = histogram.max
    }
  }

  init(_ measured: Measurements) {
    group = measured.group
    name = measured.name
    against = measured.against
    distribution = measured.distribution
    recordsPerCommit = measured.recordsPerCommit
    let ratios = measured.ratios
    rounds = measured.samples.count
    operations = measured.samples.first?.operations ?? 0
    roundNanosecondsPerRecord = measured.samples.map(\.nanosecondsPerOperation)
    nanosecondsPerRecord = median(roundNanosecondsPerRecord) ?? 0
    ratio = pseudomedian(ratios)
    medianRatio = median(ratios)
    ratioRange = ratios.min().flatMap { least in ratios.max().map { [least, $0] } }
    roundRatios = ratios.isEmpty ? nil : ratios
    latency = Latency(of: measured.latencyOf, measured.latencies)
    func middle(_ value: (Sample) -> Double?) -> Double? { median(measured.samples.compactMap(value)) }
    writeAmplification = middle { sample in
      guard let written = sample.writtenBytes, let user = sample.userBytes, user > 0 else { return nil }
      return Double(written) / Double(user)
    }
    databaseBytes = middle { $0.databaseBytes.map(Double.init) }.map { Int($0) }
    changelogBytes = middle { $0.changelogBytes.map(Double.init) }.map { Int($0) }
    if let pending = middle({ $0.debt.map { Double($0.pendingBytes) } }),
      let files = middle({ $0.debt.map { Double($0.levelZeroFiles) } })
    {
      debt = CompactionDebt(pendingBytes: Int(pending), levelZeroFiles: Int(files))
    } else {
      debt = nil
    }
  }
}

extension Row: Codable {
  private enum CodingKeys: String, CodingKey {
    case group
    case name = "case"
    case against, distribution, recordsPerCommit
    case nanosecondsPerRecord = "nsPerRecord"
    case ratio, medianRatio, ratioRange, roundRatios, rounds, operations
    case roundNanosecondsPerRecord = "roundNsPerRecord"
    case latency = "latencyNs"
    case writeAmplification, databaseBytes, changelogBytes, debt
  }

  /// Fields derived from the row and the bars in force.
  private enum BarKeys: String, CodingKey { case bar, latencyBarNs, pass }

  /// Every row has all fields; missing values are null.
  func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    try fields.encode(group, forKey: .group)
    try fields.encode(name, forKey: .name)
    try fields.encode(against, forKey: .against)
    try fields.encode(distribution, forKey: .distribution)
    try fields.encode(recordsPerCommit, forKey: .recordsPerCommit)
    try fields.encode(nanosecondsPerRecord.rounded(to: 1), forKey: .nanosecondsPerRecord)
    try fields.encode(ratio?.rounded(to: 3), forKey: .ratio)
    try fields.encode(medianRatio?.rounded(to: 3), forKey: .medianRatio)
    try fields.encode(ratioRange?.map { $0.rounded(to: 3) }, forKey: .ratioRange)
    try fields.encode(roundRatios?.map { $0.rounded(to: 3) }, forKey: .roundRatios)
    try fields.encode(rounds, forKey: .rounds)
    try fields.encode(operations, forKey: .operations)
    try fields.encode(roundNanosecondsPerRecord.map { $0.rounded(to: 1) }, forKey: .roundNanosecondsPerRecord)
    try fields.encode(latency, forKey: .latency)
    try fields.encode(writeAmplification?.rounded(to: 2), forKey: .writeAmplification)
    try fields.encode(databaseBytes, forKey: .databaseBytes)
    try fields.encode(changelogBytes, forKey: .changelogBytes)
    try fields.encode(debt, forKey: .debt)
    var verdict = encoder.container(keyedBy: BarKeys.self)
    try verdict.encode(bars.first { $0.measure == .ratio }?.limit, forKey: .bar)
    let latencies = bars.filter { $0.measure != .ratio }.map { ($0.measure.rawValue, Int($0.limit)) }
    try verdict.encode(
      latencies.isEmpty ? nil : Dictionary(uniqueKeysWithValues: latencies), forKey: .latencyBarNs)
    try verdict.encode(pass, forKey: .pass)
  }
}
