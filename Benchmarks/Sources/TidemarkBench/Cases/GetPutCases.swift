import Tidemark

/// Reads each key and then writes it, as an aggregation does; everything is in table files at the end.
///
/// The databases are empty at first, so with `uniq` keys no read finds anything.
struct GetPutCases {
  let bench: Bench
  let workload: Workload
  let recordsPerCommit: Int
  /// The reads that find something: one for each record except a key's first.
  private let expected: Int

  init(bench: Bench, workload: Workload, recordsPerCommit: Int) {
    self.bench = bench
    self.workload = workload
    self.recordsPerCommit = recordsPerCommit
    expected = workload.count - Set(workload.keys.map(\.high)).count
  }

  func plain(_ lap: Lap) throws -> Sample {
    try bench.plainRun(of: workload, lap) { database in
      var found = 0
      for index in 0..<workload.count {
        lap.pause(at: index, of: workload.count)
        if try database.get(workload.keys[index]) != nil { found += 1 }
        try database.put(workload.keys[index], workload.values[index], log: .off)
      }
      try check(found)
    }
  }

  func indexedBatch(_ lap: Lap) throws -> Sample {
    try bench.plainRun(of: workload, lap) { database in
      let batch = PlainIndexedBatch(for: database)
      var found = 0
      for commit in workload.commits(of: recordsPerCommit) {
        for index in commit {
          lap.pause(at: index, of: workload.count)
          if try database.get(workload.keys[index], through: batch) != nil { found += 1 }
          batch.put(workload.keys[index], workload.values[index])
        }
        try lap.latencies.time { () throws(BaselineFailure) in try database.write(batch, log: .off) }
      }
      try check(found)
    }
  }

  func transaction(_ lap: Lap) throws -> Sample {
    try bench.storeRun(.counting, of: workload, lap) { store in
      var transaction = try store.begin()
      var found = 0
      for commit in workload.commits(of: recordsPerCommit) {
        for index in commit {
          lap.pause(at: index, of: workload.count)
          let byte = try transaction.withBytes(workload.keys[index], in: recordTable) { $0.firstByte }
          if byte != nil { found += 1 }
          try transaction.put(workload.keys[index], workload.values[index], in: recordTable)
        }
        try lap.latencies.commit(&transaction, upTo: commit.upperBound)
      }
      try check(found)
    }
  }

  private func check(_ found: Int) throws {
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
        against: ["get-put"], isPlain: true, latencyOf: "commit", run: indexedBatch),
    ]
  }
}
