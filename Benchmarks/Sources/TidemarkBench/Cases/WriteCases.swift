import Foundation
import Tidemark

/// The ways of writing a workload, each into a directory of its own; everything is in table files at the end.
struct WriteCases {
  let bench: Bench
  let workload: Workload
  var settles = false

  /// Each 16th put is timed, so that the clock takes little of it.
  private static let sampling = 16

  /// One put after the other.
  func puts(_ log: WriteAheadLog, insertHint: Bool? = nil, _ latencies: LatencyRecorder) throws -> Sample {
    let directory = try bench.freshDirectory()
    let plain = directory + "/db"
    var model = bench.model
    if let insertHint { model.insertHint = insertHint }
    var meter: WriteMeter
    do {
      let database = try PlainDatabase(plain, .create, like: model)
      meter = WriteMeter(bench, settles: settles)
      for index in 0..<workload.count {
        if index % Self.sampling == 0 {
          try latencies.time { () throws(BaselineFailure) in
            try database.put(workload.keys[index], workload.values[index], log: log)
          }
        } else {
          try database.put(workload.keys[index], workload.values[index], log: log)
        }
      }
      try database.flush()
      meter.stop()
    }
    return try meter.sample(directory, database: plain, of: workload)
  }

  /// A write batch a commit, with the input's offset.
  func batches(of size: Int, _ latencies: LatencyRecorder) throws -> Sample {
    let directory = try bench.freshDirectory()
    let plain = directory + "/db"
    var meter: WriteMeter
    do {
      let database = try PlainDatabase(plain, .create, like: bench.model)
      let batch = PlainBatch()
      meter = WriteMeter(bench, settles: settles)
      for commit in workload.commits(of: size) {
        for index in commit { batch.put(workload.keys[index], workload.values[index]) }
        try latencies.time { () throws(BaselineFailure) in try database.write(batch, log: .off) }
      }
      try database.flush()
      meter.stop()
    }
    return try meter.sample(directory, database: plain, of: workload)
  }

  /// An indexed write batch a commit.
  func indexedBatches(of size: Int, _ latencies: LatencyRecorder) throws -> Sample {
    let directory = try bench.freshDirectory()
    let plain = directory + "/db"
    var meter: WriteMeter
    do {
      let database = try PlainDatabase(plain, .create, like: bench.model)
      let batch = PlainIndexedBatch()
      meter = WriteMeter(bench, settles: settles)
      for commit in workload.commits(of: size) {
        for index in commit { batch.put(workload.keys[index], workload.values[index]) }
        try latencies.time { () throws(BaselineFailure) in try database.write(batch, log: .off) }
      }
      try database.flush()
      meter.stop()
    }
    return try meter.sample(directory, database: plain, of: workload)
  }

  /// Puts into a second database, which is copied over in one batch and emptied at commit: the approach of KIP-844.
  ///
  /// Kinder than the proposal, which empties the second database after each commit: here each commit's keys start with
  /// its number, so that what is committed simply lies behind, and a fresh database follows before a memtable is full.
  /// (Range deletions instead would make each commit walk over all that was deleted.)
  func secondaryDatabase(of size: Int, _ latencies: LatencyRecorder) throws -> Sample {
    let directory = try bench.freshDirectory()
    let plain = directory + "/db"
    var meter: WriteMeter
    do {
      let database = try PlainDatabase(plain, .create, like: bench.model)
      var secondary = try PlainDatabase(directory + "/secondary", .create, like: bench.model)
      let batch = PlainBatch()
      let commitsPerSecondary = max(1, 300_000 / size)
      meter = WriteMeter(bench, settles: settles)
      for (number, commit) in workload.commits(of: size).enumerated() {
        if number > 0, number % commitsPerSecondary == 0 {
          secondary = try PlainDatabase("\(directory)/secondary-\(number)", .create, like: bench.model)
        }
        for index in commit {
          try secondary.put(workload.keys[index], workload.values[index], behind: UInt64(number), log: .off)
        }
        try latencies.time { () throws(BaselineFailure) in
          try database.take(from: secondary, behind: UInt64(number), with: batch, offset: Int64(commit.upperBound))
        }
      }
      try database.flush()
      meter.stop()
    }
    return try meter.sample(directory, database: plain, of: workload)
  }

  /// A transaction with the input's offset.
  func transactions(_ changelog: ChangelogKind, of size: Int, _ latencies: LatencyRecorder) throws -> Sample {
    let files = StoreFiles(directory: try bench.freshDirectory())
    var meter: WriteMeter
    do {
      let store = try files.open(changelog, budgetBytes: bench.plan.budgetBytes)
      var transaction = try store.begin()
      meter = WriteMeter(bench, settles: settles)
      for commit in workload.commits(of: size) {
        for index in commit { try transaction.put(workload.keys[index], workload.values[index], in: recordTable) }
        let begin = now()
        try transaction.commit([inputPartition: Offset(Int64(commit.upperBound))])
        latencies.record(now() - begin)
      }
      try store.flush()
      meter.stop()
      try store.close()
    }
    return try meter.sample(
      files.directory, database: files.database, log: changelog == .file ? files.log : nil, of: workload)
  }
}

extension WriteCases {
  /// The contenders whose ratios count: transactions against plain puts.
  func transactionContenders(_ sizes: [Int]) -> [Contender] {
    let distribution = workload.distribution
    var contenders = [
      Contender(name: "put", distribution: distribution, latencyOf: "put") { try puts(.off, $0) },
      Contender(name: "put-wal", distribution: distribution, latencyOf: "put") { try puts(.unsynced, $0) },
    ]
    for size in sizes {
      contenders.append(
        Contender(
          name: "transaction", distribution: distribution, recordsPerCommit: size, against: ["put"],
          latencyOf: "commit"
        ) { try transactions(.counting, of: size, $0) })
      contenders.append(
        Contender(
          name: "transaction-file-log", distribution: distribution, recordsPerCommit: size,
          against: ["put-wal"], latencyOf: "commit"
        ) { try transactions(.file, of: size, $0) })
    }
    return contenders
  }

  /// What else RocksDB offers, for comparison.
  func contextContenders(_ sizes: [Int]) -> [Contender] {
    let distribution = workload.distribution
    var contenders = [
      Contender(name: "put", distribution: distribution) { try puts(.off, $0) },
      // What the insert hint, made for batches in key order, does to single puts.
      Contender(
        name: bench.plan.baselineInsertHint ? "put-without-insert-hint" : "put-with-insert-hint",
        distribution: distribution, against: ["put"]
      ) { try puts(.off, insertHint: !bench.plan.baselineInsertHint, $0) },
    ]
    let ways: [(String, (Int, LatencyRecorder) throws -> Sample)] = [
      ("write-batch", { try batches(of: $0, $1) }),
      ("write-batch-with-index", { try indexedBatches(of: $0, $1) }),
      ("secondary-database", { try secondaryDatabase(of: $0, $1) }),
    ]
    for size in sizes {
      for (name, run) in ways {
        contenders.append(
          Contender(
            name: name, distribution: distribution, recordsPerCommit: size, against: ["put"], latencyOf: "commit"
          ) { try run(size, $0) })
      }
    }
    return contenders
  }
}
