import Histogram

/// The measurements of a case beside one baseline, or of a baseline; those of several processes are added up.
struct Measurements: Codable {
  let group: String
  let name: String
  let against: String?
  let distribution: Distribution
  let recordsPerCommit: Int?
  let latencyOf: String?
  private(set) var latencies: Histogram<UInt64>
  private(set) var samples: [Sample]
  /// The baseline's time divided by the case's, in each round.
  private(set) var ratios: [Double]

  init(_ series: Series) {
    let contender = series.contender
    (group, name, against) = (series.group, contender.name, series.against)
    (distribution, recordsPerCommit) = (contender.distribution, contender.recordsPerCommit)
    latencyOf = contender.latencyOf
    (latencies, samples, ratios) = (series.latencies.histogram, series.samples, series.ratios)
  }

  /// Adds another process's measurements of the same case.
  mutating func add(_ other: Measurements) {
    latencies.add(other.latencies)
    samples += other.samples
    ratios += other.ratios
  }

  /// Whether both are of the same case beside the same baseline.
  func isOfSame(as other: Measurements) -> Bool {
    group == other.group && name == other.name && against == other.against && distribution == other.distribution
      && recordsPerCommit == other.recordsPerCommit
  }
}

extension [Measurements] {
  /// Adds another process's measurements, of the same cases or of more.
  mutating func add(_ others: [Measurements]) {
    for other in others {
      if let index = firstIndex(where: { $0.isOfSame(as: other) }) {
        self[index].add(other)
      } else {
        append(other)
      }
    }
  }
}

/// The runs of a case beside one baseline, or those of a baseline, in this process.
///
/// A case with two baselines has two series.
struct Series {
  let group: String
  let contender: Contender
  /// The name of the baseline, which is in the same group; nil if this is one itself.
  let against: String?
  let latencies = LatencyRecorder()
  private(set) var samples: [Sample] = []
  /// The baseline's time divided by the case's, in each round.
  private(set) var ratios: [Double] = []

  /// Its name among the rows of all groups, without spaces: `writes-uniq/transaction/100/put`.
  var rowName: String {
    let size = contender.recordsPerCommit.map { "/\($0)" } ?? ""
    let group = group.replacing(", ", with: "-").replacing(" ", with: "-")
    return "\(group)/\(contender.name)\(size)" + (against.map { "/\($0)" } ?? "")
  }

  private init(_ contender: Contender, group: String, against: String?) {
    self.contender = contender
    self.group = group
    self.against = against
  }

  /// The empty series of a group.
  static func all(of contenders: [Contender], group: String) -> [Series] {
    contenders.flatMap { contender in
      let baselines: [String?] = contender.against.isEmpty ? [nil] : contender.against
      return baselines.map { Series(contender, group: group, against: $0) }
    }
  }

  /// One round: turns of a baseline with up to two cases before it and two after it.
  ///
  /// So each case runs close to its baseline, and a temporary slowdown of the machine affects both.
  static func turns(of all: [Series], using random: inout SeededGenerator) -> [[Int]] {
    let turns = all.indices.filter { all[$0].against == nil }.flatMap { baseline in
      let cases = all.indices.filter { all[$0].against == all[baseline].contender.name }.shuffled(using: &random)
      // A group that compares latencies has no ratios.
      if cases.isEmpty { return [[baseline]] }
      return stride(from: 0, to: cases.count, by: 4).map { first in
        let beside = cases[first...].prefix(4)
        let half = (beside.count + 1) / 2
        return Array(beside.prefix(half)) + [baseline] + Array(beside.dropFirst(half))
      }
    }
    precondition(Set(turns.joined()) == Set(all.indices), "a case without its baseline")
    return turns.shuffled(using: &random)
  }

  /// Keeps the samples of a turn, and the resulting ratios.
  static func append(_ samples: [Sample], of turn: [Int], to all: inout [Series]) {
    for (index, sample) in zip(turn, samples) {
      all[index].samples.append(sample)
      guard all[index].against != nil, let place = turn.firstIndex(where: { all[$0].against == nil }) else { continue }
      all[index].ratios.append(samples[place].nanosecondsPerOperation / max(sample.nanosecondsPerOperation, 0.001))
    }
  }
}
