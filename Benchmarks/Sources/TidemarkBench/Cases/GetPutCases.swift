import Tidemark

/// Reads each key and then writes it, as an aggregation does; everything is in table files at the end.
///
/// The databases are empty at first, so with `uniq` keys no read finds anything.
struct GetPutCases {
  let bench: Bench
  let workload: Workload
  let recordsPerCommit: Int

  func plain(_ latencies: LatencyRecorder) throws -> Sample {
    let directory = try bench.freshDirectory()
    var meter: WriteMeter
    do {
      let database = try PlainDatabase(directory + "/db", .create, like: bench.model)
      var found = 0
      meter = WriteMeter(bench)
      for index in 0..<workload.count {
        if try database.get(workload.keys[index]) != nil { found += 1 }
        try database.put(workload.keys[index], workload.values[index], log: .off)
      }
      try database.flush()
      meter.stop()
      try check(found)
    }
    return try meter.sample(directory, database: directory + "/db", of: workload)
  }

  func indexedBatch(_ latencies: LatencyRecorder) throws -> Sample {
    let directory = try bench.freshDirectory()
    var meter: WriteMeter
    do {
      let database = try PlainDatabase(directory + "/db", .create, like: bench.model)
      let batch = PlainIndexedBatch()
      var found = 0
      meter = WriteMeter(bench)
      for commit in workload.commits(of: recordsPerCommit) {
        for index in commit {
          if try database.get(workload.keys[index], through: batch) != nil { found += 1 }
          batch.put(workload.keys[index], workload.values[index])
        }
        try latencies.time { () throws(BaselineFailure) in try database.write(batch, log: .off) }
      }
      try database.flush()
      meter.stop()
      try check(found)
    }
    return try meter.sample(directory, database: directory + "/db", of: workload)
  }

  func transaction(_ latencies: LatencyRecorder) throws -> Sample {
    let files = StoreFiles(directory: try bench.freshDirectory())
    var meter: WriteMeter
    do {
      let store = try files.open(.counting, budgetBytes: bench.plan.budgetBytes)
      var transaction = try store.begin()
      var found = 0
      meter = WriteMeter(bench)
      for commit in workload.commits(of: recordsPerCommit) {
        for index in commit {
          let byte = try transaction.withBytes(workload.keys[index], in: recordTable) { $0.firstByte }
          if byte != nil { found += 1 }
          try transaction.put(workload.keys[index], workload.values[index], in: recordTable)
        }
        let begin = now()
        try transaction.commit([inputPartition: Offset(Int64(commit.upperBound))])
        latencies.record(now() - begin)
      }
      try store.flush()
      meter.stop()
      try check(found)
      try store.close()
    }
    return try meter.sample(files.directory, database: files.database, of: workload)
  }

  /// How many reads found something is known: each key but its first.
  private func check(_ found: Int) throws {
    let expected = workload.distribution == .uniq ? 0 : workload.count - Set(workload.keys.map(\.high)).count
    guard found == expected else { throw WrongRead(description: "\(found) reads found a row, not \(expected)") }
  }

  var contenders: [Contender] {
    let distribution = workload.distribution
    return [
      Contender(name: "get-put", distribution: distribution, run: plain),
      Contender(
        name: "transaction-get-put", distribution: distribution, recordsPerCommit: recordsPerCommit,
        against: ["get-put"], latencyOf: "commit", run: transaction),
      Contender(
        name: "get-put-write-batch-with-index", distribution: distribution, recordsPerCommit: recordsPerCommit,
        against: ["get-put"], latencyOf: "commit", run: indexedBatch),
    ]
  }
}
