import Foundation
import Tidemark

/// Restore of an empty store from its changelog, compared with puts and write batches of the same records.
struct RestoreCases {
  let bench: Bench
  let workload: Workload
  let recordsPerCommit: Int
  /// Where the log was written.
  let source: StoreFiles

  init(_ bench: Bench, _ workload: Workload, recordsPerCommit: Int) throws {
    self.bench = bench
    self.workload = workload
    self.recordsPerCommit = recordsPerCommit
    source = StoreFiles(directory: try bench.freshDirectory())
    let store = try source.open(.file(.os), budgetBytes: bench.plan.budgetBytes)
    try fill(store, workload, recordsPerCommit: recordsPerCommit)
    try store.close()
  }

  func restore(_ lap: Lap) throws -> Sample {
    bench.remove(source.store)
    let meter = WriteMeter(bench, lap)
    let store = try source.open(.file(.os), budgetBytes: bench.plan.budgetBytes)
    try store.flush()
    meter.stop()
    let found = try store.snapshot().withBytes(workload.keys[workload.count - 1], in: recordTable) { $0.byteCount }
    guard found == ValuePool.valueBytes else { throw WrongRead(description: "the last record was not restored") }
    try store.close()
    return try meter.sample(source.store, database: source.database, of: workload)
  }

  var contenders: [Contender] {
    let writes = WriteCases(bench: bench, workload: workload)
    return [
      Contender(name: "put", distribution: workload.distribution) { try writes.puts(.off, $0) },
      Contender(
        name: "write-batch", distribution: workload.distribution, recordsPerCommit: recordsPerCommit
      ) { try writes.batches(of: recordsPerCommit, $0) },
      Contender(
        name: "restore", distribution: workload.distribution, recordsPerCommit: recordsPerCommit,
        against: ["put", "write-batch"], run: restore),
    ]
  }
}

/// Opening after a process was killed: a store with a file changelog, and a plain database with its log.
///
/// Nothing was flushed, so both sides replay every record.
struct KilledCases {
  let bench: Bench
  let records: Int
  let recordsPerCommit: Int

  func store(_ lap: Lap) throws -> Sample {
    let files = StoreFiles(directory: try bench.freshDirectory())
    defer { bench.remove(files.directory) }
    try killed(.store, files.directory)
    let begin = lap.clock.time
    let store = try lap.latencies.time { () throws(StoreError) in
      try files.open(.file(.os), budgetBytes: bench.plan.budgetBytes)
    }
    let end = lap.clock.time
    let found = try store.snapshot().withBytes(lastKey, in: recordTable) { $0.byteCount }
    try store.close()
    guard found == ValuePool.valueBytes else { throw WrongRead(description: "an acknowledged record is gone") }
    return Sample(nanoseconds: end - begin, operations: records)
  }

  func plain(_ lap: Lap) throws -> Sample {
    let directory = try bench.freshDirectory()
    defer { bench.remove(directory) }
    try killed(.plain, directory)
    let begin = lap.clock.time
    let database = try lap.latencies.time { () throws(BaselineFailure) in
      try PlainDatabase(directory + "/db", .existing, with: bench.baseline)
    }
    let end = lap.clock.time
    guard try database.get(lastKey) != nil else { throw WrongRead(description: "an acknowledged record is gone") }
    return Sample(nanoseconds: end - begin, operations: records)
  }

  private var lastKey: RecordKey { RecordKey(number: UInt64(records - 1)) }

  /// Lets a process write, and kills it once everything is acknowledged.
  private func killed(_ side: WriteUntilKilledCommand.Side, _ directory: String) throws {
    let process = Process()
    process.executableURL = try executable()
    process.arguments = [
      "write-until-killed", "--side", side.rawValue, "--directory", directory, "--records", "\(records)",
      "--records-per-commit", "\(recordsPerCommit)", "--budget-bytes", "\(bench.baseline.budgetBytes)",
    ]
    let output = Pipe()
    let input = Pipe()
    process.standardOutput = output
    process.standardInput = input
    try process.run()
    // The process prints one word when everything is acknowledged; an end of file means that it failed.
    let word = output.fileHandleForReading.readData(ofLength: 5)
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    try? input.fileHandleForWriting.close()
    guard word == Data("ready".utf8) else {
      throw WrongRead(description: "the process that was to be killed failed first")
    }
  }

  private func executable() throws -> URL {
    URL(fileURLWithPath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
  }

  var contenders: [Contender] {
    [
      Contender(name: "open-killed-put-wal", distribution: .uniq, latencyOf: "open", run: plain),
      Contender(
        name: "open-killed-store", distribution: .uniq, recordsPerCommit: recordsPerCommit,
        against: ["open-killed-put-wal"], latencyOf: "open", run: store),
    ]
  }
}

/// Commits a workload to a store.
func fill(_ store: StateStore, _ workload: Workload, recordsPerCommit: Int) throws {
  var transaction = try store.begin()
  for commit in workload.commits(of: recordsPerCommit) {
    for index in commit { try transaction.put(workload.keys[index], workload.values[index], in: recordTable) }
    try transaction.commit([inputPartition: Offset(Int64(commit.upperBound))])
  }
}
