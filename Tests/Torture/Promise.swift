internal import Changelog
internal import Tidemark

/// The state that a store must show after a commit.
struct ExpectedState: Sendable {
  typealias Rows = [[UInt8]: [UInt8]]

  /// By table.
  var tables = [Rows](repeating: [:], count: Action.tableCount)
  var streamTime: Timestamp?
  /// The changelog's offset after the commit; `nil` until a store has shown it.
  var offset: Offset?
}

/// The requests made of a store and the promises that it gave: what a crash may and may not take away.
struct StorePromise: Sendable {
  /// The state after each commit so far, by number; the first is that of an empty store.
  var states = [ExpectedState()]
  /// The last commit that may be visible.
  var begun = 0
  /// The last commit that survives the death of the process.
  var acknowledged = 0
  /// The last commit that survives a loss of power.
  var durable = 0
  /// Table files hold everything below this offset: recovery doesn't read that again.
  var stored = Offset.zero

  /// The number of the commit that ends at an offset, if that is known.
  func commit(at offset: Offset) -> Int? { states.lastIndex { $0.offset == offset } }

  /// The promise that remains after a crash.
  func survivor(processesOnly: Bool) -> StorePromise {
    var left = self
    if !processesOnly { left.acknowledged = durable }
    return left
  }
}

/// The promises about everything below a directory.
struct Promise: Sendable {
  /// The store with a changelog.
  var main = StorePromise()
  /// The store without one.
  var local = StorePromise()
  /// The changelog offset of each acknowledged checkpoint, by its path below the directory.
  var checkpoints: [String: Offset] = [:]
  /// The number of checkpoints, states of the past, and forks begun so far, which name their directories.
  var begunCheckpoints = 0
  var begunPasts = 0
  var begunForks = 0
  /// Whether the main store is being set aside, which may have to be repeated.
  var isBeingSetAside = false
  /// The greatest epoch of any writer.
  var epoch: Int32 = -1

  /// The promises that remain after a crash.
  func survivor(processesOnly: Bool) -> Promise {
    var left = self
    left.main = main.survivor(processesOnly: processesOnly)
    left.local = local.survivor(processesOnly: processesOnly)
    return left
  }
}

/// The promises over time, by the steps of a disk's trace.
final class Promises: Sendable {
  private let promises: Mutex<[(step: Int, promise: Promise)]>

  init(_ step: Int, _ promise: Promise) { promises = Mutex([(step, promise)]) }

  func add(_ step: Int, _ promise: Promise) { promises.withLock { $0.append((step, promise)) } }

  /// The promises that held after `step` steps.
  func promise(at step: Int) -> Promise {
    promises.withLock { promises in promises.last { $0.step <= step }?.promise ?? promises[0].promise }
  }
}

/// A broken promise.
package struct Violation: Error, CustomStringConvertible {
  package var description: String

  init(_ description: String) { self.description = description }
}
