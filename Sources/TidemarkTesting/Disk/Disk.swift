package import Changelog
package import Tidemark

/// A disk for a file log, a store and its RocksDB that records changes and fails as planned.
///
/// Calls are passed on to the operating system. Changes below ``root`` are recorded as a ``DiskTrace``: each step is
/// taken and recorded atomically, so that the trace is an order in which the steps could have been taken in sequence.
package final class Disk: Sendable {
  /// An operation that can fail.
  package enum Operation: Sendable, Hashable, CaseIterable {
    case open, read, write, sync, truncate, close
    case rename, link, unlink, createDirectory, removeDirectory, list, syncDirectory
  }

  private struct State: Sendable {
    var plan = FaultPlan()
    var counts: [Operation: Int] = [:]
    var recorder: DiskRecorder?

    mutating func due(_ operation: Operation, _ path: String) -> Fault? {
      counts[operation, default: 0] += 1
      return plan.due(operation, path)
    }
  }

  private let state: Mutex<State>
  private let observe: @Sendable (Operation, String) -> Void
  /// Whether syncs reach the operating system: `false` in tests that sync often.
  let syncs: Bool
  let openFiles = OpenDiskFiles()

  /// Makes a disk; `observe` is called before each operation, and may block it.
  ///
  /// With `root`, a directory, changes below it are recorded; `image` is its present contents. They count as synced,
  /// unless `history` leads to them: if only processes died, their unsynced changes can still be lost.
  package init(
    recording root: String? = nil, over image: DiskImage = DiskImage(), after history: DiskTrace? = nil,
    syncs: Bool = true, observe: @escaping @Sendable (Operation, String) -> Void = { _, _ in }
  ) {
    state = Mutex(State(recorder: root.map { DiskRecorder($0, image, history) }))
    self.syncs = syncs
    self.observe = observe
  }

  /// The disk in the form that the store's options take.
  package var fileSystem: FileSystem { FileSystem(storage: storage, database: toldFileSystem()) }

  /// The disk in the form that the file log takes.
  package var storage: any Storage { DiskStorage(disk: self) }

  // MARK: Faults

  /// Adds a failure to the plan.
  package func plan(_ fault: Fault) { state.withLock { $0.plan.faults.append(fault) } }

  /// Forgets what is still planned.
  package func heal() { state.withLock { $0.plan.faults = [] } }

  /// How many calls have failed as planned.
  package var failureCount: Int { state.withLock { $0.plan.failureCount } }

  /// The first operation that failed; `nil` if none has.
  package var failedOperation: Operation? { state.withLock { $0.plan.failedOperation } }

  /// Whether a bit was flipped.
  package var hasFlippedBits: Bool { state.withLock { $0.plan.hasFlippedBits } }

  /// Whether a sync has lost unsynced bytes since the last call of this method.
  package func takeLoss() -> Bool {
    state.withLock { state in
      defer { state.plan.hasLostUnsynced = false }
      return state.plan.hasLostUnsynced
    }
  }

  /// How often an operation was called.
  package func count(of operation: Operation) -> Int { state.withLock { $0.counts[operation] ?? 0 } }

  /// How many operations were called.
  package var operationCount: Int { state.withLock { $0.counts.values.reduce(0, +) } }

  // MARK: Recording

  /// How many steps were recorded so far.
  package var stepCount: Int { state.withLock { $0.recorder?.trace.steps.count ?? 0 } }

  /// The steps recorded so far.
  package var trace: DiskTrace { state.withLock { $0.recorder?.trace ?? DiskTrace() } }

  // MARK: Calls

  /// The planned failure of a call; `nil` if the call is to be made.
  func fault(for operation: Operation, _ path: String) -> Fault? {
    observe(operation, path)
    return state.withLock { $0.due(operation, path) }
  }

  /// Makes a change and records it atomically: `body` makes the call, and tells the recorder if it succeeded.
  func change<R, Failure: Error>(
    _ body: (inout DiskRecorder?) throws(Failure) -> R
  ) throws(Failure) -> R {
    try state.withLock { (state) throws(Failure) in try body(&state.recorder) }
  }
}
