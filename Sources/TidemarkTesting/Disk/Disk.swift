package import Changelog
package import Tidemark

/// A disk under a file log, a store, and the RocksDB below it, that records what is done to it and fails as planned.
///
/// The calls go on to the operating system. What changes files below ``root`` is recorded as a ``DiskTrace``: each step is
/// taken and recorded at once, so that the trace is an order in which the steps could have been taken one after the other.
package final class Disk: Sendable {
  /// What can fail.
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
  /// Whether syncs reach the operating system: not in tests that sync often.
  let syncs: Bool
  let openFiles = OpenDiskFiles()

  /// Makes a disk; `observe` is called before each operation, and may block it.
  ///
  /// With `root`, a directory, what changes below it is recorded; `image` is what is there already. That is taken for synced,
  /// unless `history` leads to it: after the death of processes alone, what they didn't sync is still to be lost.
  package init(
    recording root: String? = nil, over image: DiskImage = DiskImage(), after history: DiskTrace? = nil,
    syncs: Bool = true, observe: @escaping @Sendable (Operation, String) -> Void = { _, _ in }
  ) {
    state = Mutex(State(recorder: root.map { DiskRecorder($0, image, history) }))
    self.syncs = syncs
    self.observe = observe
  }

  /// The disk as the store's options have it.
  package var fileSystem: FileSystem { FileSystem(storage: storage, database: toldFileSystem()) }

  /// The disk as the file log has it.
  package var storage: any Storage { DiskStorage(disk: self) }

  // MARK: Faults

  /// Adds a failure to the plan.
  package func plan(_ fault: Fault) { state.withLock { $0.plan.faults.append(fault) } }

  /// Forgets what is still planned.
  package func heal() { state.withLock { $0.plan.faults = [] } }

  /// How many calls have failed as planned.
  package var failureCount: Int { state.withLock { $0.plan.failureCount } }

  /// What failed first; `nil` if nothing has.
  package var failedOperation: Operation? { state.withLock { $0.plan.failedOperation } }

  /// Whether a bit was flipped.
  package var hasFlippedBits: Bool { state.withLock { $0.plan.hasFlippedBits } }

  /// Whether a sync has lost what wasn't synced, since this was last asked.
  package func takeLoss() -> Bool {
    state.withLock { state in
      defer { state.plan.hasLostUnsynced = false }
      return state.plan.hasLostUnsynced
    }
  }

  /// How often an operation was asked for.
  package func count(of operation: Operation) -> Int { state.withLock { $0.counts[operation] ?? 0 } }

  /// How many operations were asked for.
  package var operationCount: Int { state.withLock { $0.counts.values.reduce(0, +) } }

  // MARK: Recording

  /// How many steps were recorded so far.
  package var stepCount: Int { state.withLock { $0.recorder?.trace.steps.count ?? 0 } }

  /// What was recorded so far.
  package var trace: DiskTrace { state.withLock { $0.recorder?.trace ?? DiskTrace() } }

  // MARK: Calls

  /// What becomes of a call: it is made, or fails as planned.
  func fault(for operation: Operation, _ path: String) -> Fault? {
    observe(operation, path)
    return state.withLock { $0.due(operation, path) }
  }

  /// Makes a call that changes something, and records it if it succeeds: `body` gets the recorder after it made the call.
  func change<R, Failure: Error>(
    _ body: (inout DiskRecorder?) throws(Failure) -> R
  ) throws(Failure) -> R {
    try state.withLock { (state) throws(Failure) in try body(&state.recorder) }
  }
}
