/// How keys are drawn.
enum Distribution: String, Sendable, Codable, CaseIterable {
  /// Each key once, in the order of its hash.
  case uniq
  /// Of a million keys, the r-th most frequent in proportion to 1 / r^0.99.
  case zipf
}

/// The records of a run, drawn before any timing: the same for each contender and in each round.
struct Workload: Sendable {
  let distribution: Distribution
  let keys: [RecordKey]
  /// The offset of each record's value in the ``ValuePool``.
  let values: [UInt32]

  static let zipfExponent = 0.99
  static let zipfKeys = 1_000_000

  /// Draws `count` records.
  init(_ distribution: Distribution, count: Int) {
    self.distribution = distribution
    switch distribution {
    case .uniq: keys = (0..<UInt64(count)).map(RecordKey.init(number:))
    case .zipf:
      var random = SeededGenerator(seed: 1)
      let zipf = Zipf(count: Self.zipfKeys, exponent: Self.zipfExponent)
      keys = (0..<count).map { _ in RecordKey(number: UInt64(zipf.draw(&random))) }
    }
    values = (0..<UInt64(count)).map(ValuePool.offset(for:))
  }

  /// Draws `count` keys among the numbers below `population`, for reads: each equally often, or by Zipf.
  init(reading distribution: Distribution, of population: Int, count: Int) {
    self.distribution = distribution
    var random = SeededGenerator(seed: 2)
    let zipf = Zipf(count: population, exponent: Self.zipfExponent)
    keys = (0..<count).map { _ in
      RecordKey(
        number: distribution == .uniq ? random.next() % UInt64(population) : UInt64(zipf.draw(&random)))
    }
    values = (0..<UInt64(count)).map(ValuePool.offset(for:))
  }

  var count: Int { keys.count }
  /// The bytes of keys and values.
  var byteCount: Int { count * (RecordKey.byteCount + ValuePool.valueBytes) }

  /// The records in groups of at most `size`.
  func commits(of size: Int) -> some Sequence<Range<Int>> {
    stride(from: 0, to: count, by: size).lazy.map { $0..<min($0 + size, count) }
  }
}
