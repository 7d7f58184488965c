import Tidemark

/// Ways of reading rows that were loaded before, and a transaction's own writes.
struct ReadCases {
  let bench: Bench
  let sides: LoadedSides
  let workload: Workload

  /// Every 8th read is timed, so that the clock costs little.
  private static let sampling = 8

  /// Reads all keys of the workload with `get`, which returns a value's first byte.
  private func reads(
    _ keys: [RecordKey], _ lap: Lap, _ get: (RecordKey) throws -> UInt8?
  ) throws -> Sample {
    var missing = 0
    lap.start()
    for (index, key) in keys.enumerated() {
      if index % Self.sampling == 0 {
        if try lap.latencies.time({ try get(key) }) == nil { missing += 1 }
      } else if try get(key) == nil {
        missing += 1
      }
    }
    lap.stop()
    guard missing == 0 else { throw WrongRead(description: "\(missing) of \(keys.count) rows were not found") }
    return Sample(nanoseconds: lap.nanoseconds, operations: keys.count)
  }

  /// RocksDB's pinned get.
  func gets(_ keys: [RecordKey], _ lap: Lap) throws -> Sample {
    try reads(keys, lap) { key in try sides.plain.get(key) }
  }

  func snapshotGets(_ lap: Lap) throws -> Sample {
    let snapshot = try sides.store.snapshot()
    return try reads(workload.keys, lap) { key in
      try snapshot.withBytes(key, in: recordTable) { $0.firstByte }
    }
  }

  /// Reads of committed rows through a transaction that has changed other rows, or none.
  func transactionGets(staged: [RecordKey], _ lap: Lap) throws -> Sample {
    let transaction = try transaction(staging: staged)
    return try reads(workload.keys, lap) { key in
      try transaction.withBytes(key, in: recordTable) { $0.firstByte }
    }
  }

  /// Reads of the transaction's own puts.
  func ownGets(staged: [RecordKey], reading keys: [RecordKey], _ lap: Lap) throws -> Sample {
    let transaction = try transaction(staging: staged)
    return try reads(keys, lap) { key in
      try transaction.withBytes(key, in: recordTable) { $0.firstByte }
    }
  }

  /// The same in RocksDB's indexed batch.
  func indexedOwnGets(staged: [RecordKey], reading keys: [RecordKey], _ lap: Lap) throws -> Sample {
    let batch = indexedBatch(staging: staged)
    return try reads(keys, lap) { key in try sides.plain.get(key, through: batch) }
  }

  // MARK: Scans

  func plainScans(staged: [RecordKey]?, _ lap: Lap) throws -> Sample {
    let batch = staged.map(indexedBatch(staging:))
    return try scans(lap) { key, rows in
      try PlainIterator(sides.plain, below: batch).scan(from: key, rows: rows).rows
    }
  }

  func transactionScans(staged: [RecordKey], _ lap: Lap) throws -> Sample {
    let transaction = try transaction(staging: staged)
    return try scans(lap) { key, rows in
      var cursor = try transaction.scan(recordTable, .from(key))
      return try Self.visit(&cursor, rows)
    }
  }

  func snapshotScans(_ lap: Lap) throws -> Sample {
    let snapshot = try sides.store.snapshot()
    return try scans(lap) { key, rows in
      var cursor = try snapshot.scan(recordTable, .from(key))
      return try Self.visit(&cursor, rows)
    }
  }

  private static func visit(_ cursor: inout Cursor<RecordKeyCodec, RecordValueCodec>, _ rows: Int) throws -> Int {
    var (sum, count) = (0, 0)
    while count < rows, let bytes = try cursor.withNext({ Int($0.firstByte) + Int($1.firstByte) }) {
      sum += bytes
      count += 1
    }
    return count
  }

  /// Scans of the plan's number of rows, from random keys on; an operation is a row.
  private func scans(
    _ lap: Lap, _ scan: (RecordKey, Int) throws -> Int
  ) throws -> Sample {
    var rows = 0
    lap.start()
    for key in workload.keys.prefix(bench.plan.scans) {
      rows += try lap.latencies.time { try scan(key, bench.plan.scanRows) }
    }
    lap.stop()
    guard rows > 0 else { throw WrongRead(description: "the scans found no rows") }
    return Sample(nanoseconds: lap.nanoseconds, operations: rows)
  }

  // MARK: Staging

  private func transaction(staging keys: [RecordKey]) throws -> Transaction {
    var transaction = try sides.store.begin()
    for (number, key) in keys.enumerated() {
      try transaction.put(key, ValuePool.offset(for: UInt64(number)), in: recordTable)
    }
    return transaction
  }

  private func indexedBatch(staging keys: [RecordKey]) -> PlainIndexedBatch {
    let batch = PlainIndexedBatch(for: sides.plain)
    for (number, key) in keys.enumerated() { batch.put(key, ValuePool.offset(for: UInt64(number))) }
    return batch
  }
}

extension ReadCases {
  /// Point reads of committed rows.
  var getContenders: [Contender] {
    let distribution = workload.distribution
    return [
      Contender(name: "get", distribution: distribution, latencyOf: "get") { try gets(workload.keys, $0) },
      Contender(name: "snapshot-get", distribution: distribution, against: ["get"], latencyOf: "get") {
        try snapshotGets($0)
      },
      Contender(name: "transaction-get", distribution: distribution, against: ["get"], latencyOf: "get") {
        try transactionGets(staged: [], $0)
      },
    ]
  }

  /// Reads of own writes and scans, in a transaction with the plan's number of staged entries.
  var stagedContenders: [Contender] {
    let distribution = workload.distribution
    let staged = (0..<UInt64(bench.plan.stagedEntries)).map { number in
      RecordKey(number: mixed(number) % UInt64(bench.plan.rows))
    }
    var random = SeededGenerator(seed: 3)
    // Own reads are so fast that, without ten times as many, the cold caches at the start would dominate.
    let own = (0..<10 * bench.plan.reads).map { _ in staged[Int(random.next() % UInt64(staged.count))] }
    let stored = Array(own.prefix(bench.plan.reads))
    return [
      Contender(name: "get", distribution: distribution, latencyOf: "get") { try gets(stored, $0) },
      Contender(name: "own-get", distribution: distribution, against: ["get"], latencyOf: "get") {
        try ownGets(staged: staged, reading: own, $0)
      },
      Contender(
        name: "own-get-write-batch-with-index", distribution: distribution, against: ["get"], isPlain: true,
        latencyOf: "get"
      ) { try indexedOwnGets(staged: staged, reading: stored, $0) },
      Contender(name: "scan", distribution: distribution, latencyOf: "scan of \(bench.plan.scanRows) rows") {
        try plainScans(staged: nil, $0)
      },
      Contender(
        name: "snapshot-scan", distribution: distribution, against: ["scan"],
        latencyOf: "scan of \(bench.plan.scanRows) rows"
      ) { try snapshotScans($0) },
      Contender(
        name: "transaction-scan", distribution: distribution, against: ["scan"],
        latencyOf: "scan of \(bench.plan.scanRows) rows"
      ) { try transactionScans(staged: staged, $0) },
      Contender(
        name: "scan-write-batch-with-index", distribution: distribution, against: ["scan"], isPlain: true,
        latencyOf: "scan of \(bench.plan.scanRows) rows"
      ) { try plainScans(staged: staged, $0) },
    ]
  }
}

extension RawSpan {
  /// The first byte, so that a read touches the value found; 0 if there is none.
  var firstByte: UInt8 {
    // Proof: the span isn't empty.
    isEmpty ? 0 : unsafe unsafeLoad(as: UInt8.self)
  }
}
