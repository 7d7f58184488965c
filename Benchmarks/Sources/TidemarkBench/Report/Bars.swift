/// A limit that a row must reach.
///
/// A ratio is always the baseline's time divided by the case's, so more is better: "at most 1.1 of its time" is 0.909.
struct Bar: Sendable {
  /// What is measured: a ratio is at least the limit; a latency of the row, in nanoseconds, is at most the limit, and so
  /// is the time of a record.
  enum Measure: String, Sendable { case ratio, p99, max, mean }

  let group: String
  let name: String
  let against: String?
  let recordsPerCommit: Int?
  let measure: Measure
  let limit: Double

  private init(
    _ group: String, _ name: String, against: String? = nil, of recordsPerCommit: Int? = nil,
    _ measure: Measure, _ limit: Double
  ) {
    self.group = group
    self.name = name
    self.against = against
    self.recordsPerCommit = recordsPerCommit
    self.measure = measure
    self.limit = limit
  }

  /// The bars in force.
  static let all: [Bar] =
    [100, 1000, 10_000, 100_000].flatMap { size in
      [
        Bar("writes, uniq", "transaction", of: size, .ratio, 3.5),
        Bar("writes, zipf", "transaction", of: size, .ratio, 5),
        Bar("writes, uniq", "transaction-file-log", of: size, .ratio, 5),
        Bar("writes, zipf", "transaction-file-log", of: size, .ratio, 7),
      ]
    } + [
      Bar("one record a commit", "transaction-file-log", .ratio, 1),
      Bar("one record a commit, synced", "transaction-file-log-sync", .ratio, 1),
      Bar("commits under flushes and compactions", "transaction-file-log", .p99, 5_000_000),
      Bar("commits under flushes and compactions", "transaction-file-log", .max, 200_000_000),
      Bar("committed reads, uniq", "snapshot-get", .ratio, 0.909),
      Bar("committed reads, zipf", "snapshot-get", .ratio, 0.909),
      Bar("committed reads over 64 runs", "snapshot-get", .ratio, 0.667),
      Bar("reads in a transaction", "own-get", .ratio, 10),
      Bar("reads in a transaction", "own-get", .mean, 200),
      Bar("reads in a transaction", "transaction-scan", .ratio, 0.769),
      Bar("staging beside reads", "stage-beside-uncommitted-reads", .ratio, 0.833),
      Bar("get and put, uniq", "transaction-get-put", .ratio, 1.3),
      Bar("get and put, zipf", "transaction-get-put", .ratio, 2.5),
      Bar("restore", "restore", against: "put", .ratio, 4.5),
      Bar("writes until compactions have settled, uniq", "transaction", .ratio, 1.3),
      Bar("writes until compactions have settled, zipf", "transaction", .ratio, 3),
    ]

  /// Whether the bar applies to a row.
  func applies(to row: Row) -> Bool {
    group == row.group && name == row.name && (against ?? row.against) == row.against
      && (recordsPerCommit ?? row.recordsPerCommit) == row.recordsPerCommit
  }

  /// The row's value of the measure; nil if it has none.
  private func value(of row: Row) -> Double? {
    switch measure {
    case .ratio: row.ratio
    case .p99: row.latency.map { Double($0.p99) }
    case .max: row.latency.map { Double($0.max) }
    case .mean: row.nanosecondsPerRecord
    }
  }

  /// Whether a row reaches the bar.
  func isReached(by row: Row) -> Bool {
    guard let value = value(of: row) else { return false }
    return measure == .ratio ? value >= limit : value <= limit
  }

  /// The limit as a table shows it.
  var text: String {
    measure == .ratio ? limit.shortest : "\(measure.rawValue) \(roundDuration(UInt64(limit)))"
  }

  /// The measured value as a table shows it.
  func measured(in row: Row) -> String {
    guard let value = value(of: row) else { return "" }
    return measure == .ratio ? value.fixed(2) : duration(UInt64(value))
  }
}

extension Row {
  /// The bars that apply to the row; most rows have none.
  var bars: [Bar] { Bar.all.filter { $0.applies(to: self) } }

  /// Whether the row reaches all its bars; nil if it has none.
  var pass: Bool? { bars.isEmpty ? nil : bars.allSatisfy { $0.isReached(by: self) } }
}
