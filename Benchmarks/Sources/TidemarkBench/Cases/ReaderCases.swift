import Foundation
import Synchronization
import Tidemark

/// A transaction that is filled and aborted repeatedly, alone and beside a thread that reads as fast as it can.
///
/// Nothing is committed, so no thread of the store takes part: the difference is the reader's cost to the writer.
struct ReaderCases {
  let bench: Bench
  let sides: LoadedSides
  let workload: Workload
  let stagedEntries: Int

  /// Fills and aborts transactions beside a reader of this isolation level, or alone.
  private func stage(beside isolation: IsolationLevel?, _ lap: Lap) throws -> Sample {
    let reading = Reading()
    if let isolation {
      let reader = try sides.store.reader(isolation)
      let keys = workload.keys
      Thread.detachNewThread {
        reading.run {
          for key in keys where !reading.isOver { _ = try reader.withBytes(key, in: recordTable) { $0.firstByte } }
        }
      }
      reading.waitUntilBegun()
    }
    defer { if isolation != nil { reading.stop() } }
    var transaction = try sides.store.begin()
    lap.start()
    for staged in workload.commits(of: stagedEntries) {
      for index in staged { try transaction.put(workload.keys[index], workload.values[index], in: recordTable) }
      transaction.abort()
    }
    lap.stop()
    try reading.checkFailure()
    return Sample(nanoseconds: lap.nanoseconds, operations: workload.count)
  }

  var contenders: [Contender] {
    let ways: [(String, IsolationLevel)] = [
      ("stage-beside-committed-reads", .readCommitted), ("stage-beside-uncommitted-reads", .readUncommitted),
    ]
    let alone = Contender(name: "stage", distribution: workload.distribution, recordsPerCommit: stagedEntries) {
      try stage(beside: nil, $0)
    }
    return [alone]
      + ways.map { name, isolation in
        Contender(
          name: name, distribution: workload.distribution, recordsPerCommit: stagedEntries, against: ["stage"]
        ) { try stage(beside: isolation, $0) }
      }
  }
}

/// A thread that repeats something until it is stopped.
private final class Reading: Sendable {
  private let hasBegun = DispatchSemaphore(value: 0)
  private let hasEnded = DispatchSemaphore(value: 0)
  private let stops = Atomic<Bool>(false)
  private let failure = Mutex<(any Error)?>(nil)

  var isOver: Bool { stops.load(ordering: .relaxed) }

  func run(_ body: () throws -> Void) {
    hasBegun.signal()
    do { while !isOver { try body() } } catch { failure.withLock { $0 = error } }
    hasEnded.signal()
  }

  func waitUntilBegun() { hasBegun.wait() }

  /// Stops it, and waits until it has.
  func stop() {
    stops.store(true, ordering: .relaxed)
    hasEnded.wait()
  }

  /// Throws the error that the thread has thrown so far, if any.
  func checkFailure() throws { if let error = failure.withLock({ $0 }) { throw error } }
}
