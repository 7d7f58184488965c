import Foundation
import Synchronization
import Tidemark

/// Writers that share only the disk: each is a thread with a store, or with a plain database.
///
/// Every record is a commit that waits for the disk. The clock runs until the last writer is acknowledged: acknowledged
/// commits are durable, so no flush follows.
struct SyncedWriters {
  let bench: Bench
  let workload: Workload
  let writers: Int

  func puts(_ lap: Lap) throws -> Sample {
    let directory = try bench.freshDirectory()
    defer { bench.remove(directory) }
    let databases = try (0..<writers).map { try PlainDatabase("\(directory)/\($0)", .create, with: bench.baseline) }
    return try measure(lap) { [workload] writer, records in
      try records.map { record in
        let begin = now()
        try databases[writer].put(workload.keys[record], workload.values[record], log: .synced)
        return now() - begin
      }
    }
  }

  func transactions(_ lap: Lap) throws -> Sample {
    let directory = try bench.freshDirectory()
    defer { bench.remove(directory) }
    let stores = try (0..<writers).map { writer in
      try StoreFiles(directory: "\(directory)/\(writer)").open(.file(.sync), budgetBytes: bench.plan.budgetBytes)
    }
    let sample = try measure(lap) { [workload] writer, records in
      var transaction = try stores[writer].begin()
      return try records.map { record in
        try transaction.put(workload.keys[record], workload.values[record], in: recordTable)
        let begin = now()
        try transaction.commit([inputPartition: Offset(Int64(record) + 1)])
        return now() - begin
      }
    }
    for store in stores { try store.close() }
    return sample
  }

  /// Gives each writer its share of the records; `write` returns how long each commit took.
  private func measure(
    _ lap: Lap, _ write: @escaping @Sendable (_ writer: Int, _ records: Range<Int>) throws -> [UInt64]
  ) throws -> Sample {
    let records = workload.count
    let begin = lap.clock.time
    let taken = try onThreads(writers) { [writers] writer in
      try write(writer, writer * records / writers..<(writer + 1) * records / writers)
    }
    let end = lap.clock.time
    for nanoseconds in taken.joined() { lap.latencies.record(nanoseconds) }
    return Sample(nanoseconds: end - begin, operations: records)
  }

  var contenders: [Contender] {
    [
      Contender(name: "put-wal-sync", distribution: workload.distribution, latencyOf: "commit", run: puts),
      Contender(
        name: "transaction-file-log-sync", distribution: workload.distribution, recordsPerCommit: 1,
        against: ["put-wal-sync"], latencyOf: "commit", run: transactions),
    ]
  }
}

/// Runs a body on `count` threads, each with its number, and waits for all; throws an error that one of them threw.
func onThreads<R: Sendable>(_ count: Int, _ body: @escaping @Sendable (Int) throws -> R) throws -> [R] {
  let results = ThreadResults<R>()
  let running = DispatchGroup()
  for number in 0..<count {
    running.enter()
    // A dispatch queue would use no more threads than there are cores.
    Thread.detachNewThread {
      let result = Result { try body(number) }
      results.finished.withLock { $0.append(result) }
      running.leave()
    }
  }
  running.wait()
  return try results.finished.withLock { try $0.map { try $0.get() } }
}

private final class ThreadResults<R: Sendable>: Sendable {
  let finished = Mutex<[Result<R, any Error>]>([])
}
