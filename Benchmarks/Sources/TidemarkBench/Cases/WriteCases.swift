import Foundation
import Tidemark

/// The ways of writing a workload, each into a directory of its own; everything is in table files at the end.
struct WriteCases {
  let bench: Bench
  let workload: Workload
  var settles = false

  /// Every 16th put is timed, so that the clock costs little.
  private static let sampling = 16

  /// One put after the other.
  func puts(_ log: WriteAheadLog, insertHint: Bool? = nil, _ lap: Lap) throws -> Sample {
    try bench.plainRun(of: workload, lap, settles: settles, insertHint: insertHint) { database in
      for index in 0..<workload.count {
        lap.pause(at: index, of: workload.count)
        if index % Self.sampling == 0 {
          try lap.latencies.time { () throws(BaselineFailure) in
            try database.put(workload.keys[index], workload.values[index], log: log)
          }
        } else {
          try database.put(workload.keys[index], workload.values[index], log: log)
        }
      }
    }
  }

  /// One write batch per commit.
  func batches(of size: Int, log: WriteAheadLog = .off, _ lap: Lap) throws -> Sample {
    try bench.plainRun(of: workload, lap, settles: settles) { database in
      let batch = PlainBatch(for: database)
      for commit in workload.commits(of: size) {
        for index in commit {
          lap.pause(at: index, of: workload.count)
          batch.put(workload.keys[index], workload.values[index])
        }
        try lap.latencies.time { () throws(BaselineFailure) in try database.write(batch, log: log) }
      }
    }
  }

  /// One indexed write batch per commit.
  func indexedBatches(of size: Int, _ lap: Lap) throws -> Sample {
    try bench.plainRun(of: workload, lap, settles: settles) { database in
      let batch = PlainIndexedBatch(for: database)
      for commit in workload.commits(of: size) {
        for index in commit {
          lap.pause(at: index, of: workload.count)
          batch.put(workload.keys[index], workload.values[index])
        }
        try lap.latencies.time { () throws(BaselineFailure) in try database.write(batch, log: .off) }
      }
    }
  }

  /// Puts into a second database, which is copied over in one batch and emptied at commit: the approach of KIP-844.
  ///
  /// Cheaper than the proposal, which empties the second database after each commit: here each commit's keys start with
  /// its number, so committed keys simply stay, and a fresh database replaces the second one before a memtable is full.
  /// (With range deletions instead, each commit would walk over everything deleted before.)
  func secondaryDatabase(of size: Int, _ lap: Lap) throws -> Sample {
    let directory = try bench.freshDirectory()
    defer { bench.remove(directory) }
    var secondary = try PlainDatabase(directory + "/0", .create, with: bench.baseline)
    let commitsPerSecondary = max(1, 300_000 / size)
    return try bench.plainRun(of: workload, lap, settles: settles) { database in
      let batch = PlainBatch(for: database)
      for (number, commit) in workload.commits(of: size).enumerated() {
        if number > 0, number % commitsPerSecondary == 0 {
          secondary = try PlainDatabase("\(directory)/\(number)", .create, with: bench.baseline)
        }
        for index in commit {
          lap.pause(at: index, of: workload.count)
          try secondary.put(workload.keys[index], workload.values[index], behind: UInt64(number), log: .off)
        }
        try lap.latencies.time { () throws(BaselineFailure) in
          try database.take(from: secondary, behind: UInt64(number), with: batch, offset: Int64(commit.upperBound))
        }
      }
    }
  }

  /// A transaction with the input's offset.
  func transactions(_ changelog: ChangelogKind, of size: Int, _ lap: Lap) throws -> Sample {
    try bench.storeRun(changelog, of: workload, lap, settles: settles) { store in
      var transaction = try store.begin()
      for commit in workload.commits(of: size) {
        for index in commit {
          lap.pause(at: index, of: workload.count)
          try transaction.put(workload.keys[index], workload.values[index], in: recordTable)
        }
        try lap.latencies.commit(&transaction, upTo: commit.upperBound)
      }
    }
  }
}

extension WriteCases {
  /// Transactions against plain puts: neither side writes a log.
  func unloggedContenders(_ sizes: [Int]) -> [Contender] {
    contenders(beside: "put", .off, sizes, [("transaction", .counting)])
  }

  /// Transactions against plain puts: both sides log their writes, acknowledged by the operating system.
  func loggedContenders(_ sizes: [Int]) -> [Contender] {
    contenders(
      beside: "put-wal", .unsynced, sizes,
      [("transaction-without-changelog", .none), ("transaction-file-log", .file(.os))])
  }

  private func contenders(
    beside baseline: String, _ log: WriteAheadLog, _ sizes: [Int], _ ways: [(name: String, changelog: ChangelogKind)]
  ) -> [Contender] {
    let distribution = workload.distribution
    let plain = Contender(name: baseline, distribution: distribution, latencyOf: "put") { try puts(log, $0) }
    return [plain]
      + sizes.flatMap { size in
        ways.map { way in
          Contender(
            name: way.name, distribution: distribution, recordsPerCommit: size, against: [baseline], latencyOf: "commit"
          ) { try transactions(way.changelog, of: size, $0) }
        }
      }
  }

  /// The other ways that RocksDB offers, for comparison.
  func contextContenders(_ sizes: [Int]) -> [Contender] {
    let distribution = workload.distribution
    var contenders = [
      Contender(name: "put", distribution: distribution) { try puts(.off, $0) },
      // The effect of the insert hint, made for batches in key order, on single puts.
      Contender(
        name: bench.plan.baselineInsertHint ? "put-without-insert-hint" : "put-with-insert-hint",
        distribution: distribution, against: ["put"], isPlain: true
      ) { try puts(.off, insertHint: !bench.plan.baselineInsertHint, $0) },
    ]
    let ways: [(String, (Int, Lap) throws -> Sample)] = [
      ("write-batch", { try batches(of: $0, $1) }),
      ("write-batch-with-index", { try indexedBatches(of: $0, $1) }),
      ("secondary-database", { try secondaryDatabase(of: $0, $1) }),
    ]
    for size in sizes {
      for (name, run) in ways {
        contenders.append(
          Contender(
            name: name, distribution: distribution, recordsPerCommit: size, against: ["put"], isPlain: true,
            latencyOf: "commit"
          ) { try run(size, $0) })
      }
    }
    return contenders
  }

  /// Commits of one size on the file changelog beside batches of the same size through the write-ahead log.
  func latencyContenders(_ size: Int) -> [Contender] {
    let distribution = workload.distribution
    return [
      Contender(
        name: "write-batch-wal", distribution: distribution, recordsPerCommit: size, latencyOf: "commit"
      ) { try batches(of: size, log: .unsynced, $0) },
      Contender(
        name: "transaction-file-log", distribution: distribution, recordsPerCommit: size, latencyOf: "commit"
      ) { try transactions(.file(.os), of: size, $0) },
    ]
  }
}
