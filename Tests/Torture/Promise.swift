internal import Changelog
internal import Tidemark

/// A state that a store must show: that behind a commit.
struct ExpectedState: Sendable {
  typealias Rows = [[UInt8]: [UInt8]]

  /// By table.
  var tables = [Rows](repeating: [:], count: Action.tableCount)
  var streamTime: Timestamp?
  /// The changelog's offset there; `nil` until a store has told it.
  var offset: Offset?
}

/// What a store has been asked for and what it has promised; what a crash may and may not take away.
struct StorePromise: Sendable {
  /// The states behind the commits so far, by number; the first is that of an empty store.
  var states = [ExpectedState()]
  /// The last commit that may show.
  var begun = 0
  /// The last that survives the death of the process.
  var acknowledged = 0
  /// The last that survives a loss of power.
  var durable = 0
  /// Below it, table files hold everything: recovery reads nothing of it again.
  var stored = Offset.zero

  /// The number of the commit that ends at an offset, as far as that was told.
  func commit(at offset: Offset) -> Int? { states.lastIndex { $0.offset == offset } }

  /// What is left of it after a crash.
  func survivor(processesOnly: Bool) -> StorePromise {
    var left = self
    if !processesOnly { left.acknowledged = durable }
    return left
  }
}

/// What was promised about all that lies below a directory.
struct Promise: Sendable {
  /// The store with a changelog.
  var main = StorePromise()
  /// The store without one.
  var local = StorePromise()
  /// The changelog offset of each checkpoint that was acknowledged, by its path below the directory.
  var checkpoints: [String: Offset] = [:]
  /// How many checkpoints, states of the past, and forks were begun: their names are numbered.
  var begunCheckpoints = 0
  var begunPasts = 0
  var begunForks = 0
  /// Whether the main store is being set aside, which may have to be repeated.
  var isBeingSetAside = false
  /// The greatest epoch of a writer.
  var epoch: Int32 = -1

  /// What is left of it after a crash.
  func survivor(processesOnly: Bool) -> Promise {
    var left = self
    left.main = main.survivor(processesOnly: processesOnly)
    left.local = local.survivor(processesOnly: processesOnly)
    return left
  }
}

/// What was promised when, by the steps of a disk's trace.
final class Promises: Sendable {
  private let promises: Mutex<[(step: Int, promise: Promise)]>

  init(_ step: Int, _ promise: Promise) { promises = Mutex([(step, promise)]) }

  func add(_ step: Int, _ promise: Promise) { promises.withLock { $0.append((step, promise)) } }

  /// What was promised when so many steps were taken.
  func promise(at step: Int) -> Promise {
    promises.withLock { promises in promises.last { $0.step <= step }?.promise ?? promises[0].promise }
  }
}

/// A promise that was broken.
package struct Violation: Error, CustomStringConvertible {
  package var description: String

  init(_ description: String) { self.description = description }
}
