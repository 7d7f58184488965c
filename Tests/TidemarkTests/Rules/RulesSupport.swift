import Foundation
import Synchronization
import Testing
import Tidemark

/// The error that `body` must throw; the test fails without one.
func storeError(
  _ kind: StoreError.Kind, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) -> StoreError? {
  let error = #expect(throws: StoreError.self, sourceLocation: sourceLocation) { try body() }
  #expect(error?.kind == kind, "\(error.map { "\($0)" } ?? "nothing")", sourceLocation: sourceLocation)
  return error
}

/// Polls until a condition holds; `false` after half a minute.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
  let deadline = ContinuousClock.now.advanced(by: .seconds(30))
  while try !condition() {
    if ContinuousClock.now > deadline { return false }
    sched_yield()
  }
  return true
}

/// A gate that threads wait at until it is opened.
final class Gate: Sendable {
  private let arrived = Atomic<Bool>(false)
  private let isOpen = Atomic<Bool>(false)

  /// Whether a thread has reached it.
  var hasArrivals: Bool { arrived.load(ordering: .sequentiallyConsistent) }

  func pass() {
    arrived.store(true, ordering: .sequentiallyConsistent)
    _ = eventually { isOpen.load(ordering: .sequentiallyConsistent) }
  }

  func open() { isOpen.store(true, ordering: .sequentiallyConsistent) }
}

/// A call on a thread of its own.
final class BackgroundCall: Sendable {
  private let done = Atomic<Bool>(false)
  private let semaphore = DispatchSemaphore(value: 0)
  // Proof: written before `done` is set and the semaphore signalled, read after the wait.
  private nonisolated(unsafe) var outcome: Result<Void, any Error> = .success(())

  init(_ body: @escaping @Sendable () throws -> Void) {
    Thread.detachNewThread { [self] in
      unsafe outcome = Result { try body() }
      done.store(true, ordering: .sequentiallyConsistent)
      semaphore.signal()
    }
  }

  var isDone: Bool { done.load(ordering: .sequentiallyConsistent) }

  /// Waits for the call, and rethrows its error.
  func wait() throws {
    semaphore.wait()
    try unsafe outcome.get()
  }
}

extension StoreOptions {
  /// Memtables of 64 KiB, so that flushes happen by themselves, and few waiting commits.
  static var tiny: StoreOptions {
    var options = StoreOptions()
    options.waitingBytes = 4 << 10
    options.columnFamilyOptions = ["write_buffer_size": "65536"]
    return options
  }

  /// Nothing reaches table files unless it is asked for.
  static var lazy: StoreOptions {
    var options = StoreOptions()
    options.storedLagTime = .seconds(3600)
    return options
  }
}

extension TemporaryDirectory {
  func store(
    _ changelog: any Changelog, _ options: StoreOptions = .lazy, _ name: String = "store",
    progress: (OpenProgress) throws -> Void = { _ in }
  ) throws -> StateStore {
    try StateStore.open(
      self(name), tables: [balances, orders], changelog: changelog, options: options, progress: progress)
  }

  func copy(_ name: String, to other: String) throws {
    try FileManager.default.copyItem(atPath: self(name), toPath: self(other))
  }
}

extension Snapshot {
  /// All rows of `balances`.
  func allBalances() throws -> [String: Int64] {
    var rows: [String: Int64] = [:]
    var cursor = try scan(balances)
    while let row = try cursor.next() { rows[row.key] = row.value }
    return rows
  }
}
