import Histogram

/// One side of a comparison: a way of doing the same work.
struct Contender {
  /// Its name in results, such as `write-batch`.
  let name: String
  let distribution: Distribution
  /// How many records are committed together; nil where that makes no difference.
  var recordsPerCommit: Int?
  /// The baselines of the same group that it is compared with; none if it is a baseline itself.
  var against: [String] = []
  /// Whether it measures plain RocksDB, as a baseline does.
  var isPlain = false
  /// The operation that its latencies measure, such as `commit`; nil if it records none.
  var latencyOf: String?
  /// Does the work once.
  let run: (Lap) throws -> Sample

  /// Its name in progress and errors.
  var title: String {
    recordsPerCommit.map { "\(name), \(distribution), \($0.grouped) a commit" } ?? "\(name), \(distribution)"
  }
}

/// Contenders that take turns: each case beside its baseline once per round, in an order that changes with the round.
struct Group {
  let title: String
  let rounds: Int
  /// Uncounted rounds before the others, because the first reads find cold caches.
  var warmUpRounds = 0
  /// Whether the runs of a turn alternate slice by slice; not if they leave work to other threads.
  var isSliced = false
  /// The guessed time of one round, until there is a better estimate.
  let estimatedSeconds: Double
  /// Makes the contenders; objects that they share are made here, outside any timing.
  let prepare: () throws -> [Contender]
}

/// The time and the space that one run of a contender took.
struct Sample: Codable {
  var nanoseconds: UInt64
  /// The number of records, reads or rows.
  var operations: Int
  /// Bytes handed to the file system, by all threads of the process, up to the end of the timed part.
  var writtenBytes: Int?
  /// Bytes of keys and values put.
  var userBytes: Int?
  /// Bytes of the database's directory afterwards.
  var databaseBytes: Int?
  /// Bytes of the file changelog afterwards.
  var changelogBytes: Int?
  var debt: CompactionDebt?

  var nanosecondsPerOperation: Double { Double(nanoseconds) / Double(max(operations, 1)) }
}

/// Latencies of one contender over all rounds, in nanoseconds, to three digits.
final class LatencyRecorder {
  private(set) var histogram = Histogram<UInt64>(numberOfSignificantValueDigits: .three)

  @inline(__always)
  func record(_ nanoseconds: UInt64) { histogram.record(nanoseconds) }

  /// Runs `body` and records how long it took.
  @inline(__always)
  func time<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    let begin = now()
    let result = try body()
    record(now() - begin)
    return result
  }
}
