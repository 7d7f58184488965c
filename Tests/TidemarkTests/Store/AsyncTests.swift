import Foundation
import Testing
import Tidemark
import TidemarkTesting

/// A store in tasks: where its calls run, what cancellation ends, and waiting for a position.
@Suite struct AsyncTests {
  let directory: TemporaryDirectory
  let store: StateStore
  private static let input = TopicPartition("input", 0)
  private static let other = TopicPartition("other", 3)

  init() throws {
    directory = try TemporaryDirectory(inMemory: true)
    store = try StateStore.open(directory("store"), tables: [balances], changelog: try directory.log())
  }

  private struct Own: Error, Equatable {}

  /// Commits from a call that isn't async.
  private func commit(_ position: Position) throws { try store.write(position) { _ in } }

  @Test func aWriteCommitsOnReturnAndAbortsOnThrow() async throws {
    let store = store
    let result = try await store.write([Self.input: 7]) { transaction in
      store.executor.preconditionIsolated()
      try transaction.update("anna", in: balances, default: 0) { $0 += 5 }
      return try transaction.get("anna", in: balances)
    }
    #expect(result == 5)
    await #expect(throws: Own()) {
      try await store.write([Self.input: 8]) { transaction in
        try transaction.put("anna", 9, in: balances)
        throw Own()
      }
    }
    let found = try await store.read { view in (try view.get("anna", in: balances), view.position[Self.input]) }
    #expect(found == (5, 7))
  }

  @Test func writesOfManyTasksTakeTurns() async throws {
    let store = store
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<50 {
        group.addTask {
          try await store.write { try $0.update("anna", in: balances, default: 0) { $0 += 1 } }
        }
      }
      try await group.waitForAll()
    }
    #expect(try await store.read { try $0.get("anna", in: balances) } == 50)
  }

  @Test func cancellationBeforeAWriteLeavesItOutAndAfterThatCutsNothing() async throws {
    let store = store
    let early = Task {
      unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
      try await store.write { try $0.put("early", 1, in: balances) }
    }
    await #expect(throws: CancellationError.self) { try await early.value }
    let late = Task {
      try await store.write { transaction in
        try transaction.put("late", 1, in: balances)
        unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
      }
    }
    try await late.value
    let view = try await store.read { $0 }
    #expect(try view.get("early", in: balances) == nil)
    #expect(try view.get("late", in: balances) == 1)
  }

  // MARK: Waiting for a position

  @Test func aPositionThatIsThereIsNotWaitedFor() async throws {
    try commit([Self.input: 5])
    // A timeout that has already passed must not win over a commit that is there.
    for _ in 0..<100 {
      #expect(try await store.snapshot(atLeast: [Self.input: 5], timeout: .zero).position[Self.input] == 5)
    }
    #expect(try await store.snapshot(atLeast: [Self.input: 3, Self.other: 0]).position[Self.input] == 5)
    #expect(try blocking(atLeast: [:], .zero).position[Self.input] == 5)
  }

  private func blocking(atLeast position: Position, _ timeout: Duration?) throws(StoreError) -> Snapshot {
    try store.snapshot(atLeast: position, timeout: timeout)
  }

  @Test func aWaitEndsWithTheCommitThatReachesAllPartitions() async throws {
    let store = store
    let reached = Mutex(false)
    try await withThrowingTaskGroup(of: Void.self) { group in
      // More waits than the cooperative pool has threads: none of them may block a thread.
      for _ in 0..<100 {
        group.addTask {
          let view = try await store.snapshot(atLeast: [Self.input: 2, Self.other: 9])
          let isReached = reached.withLock { $0 }
          #expect(isReached)
          #expect(view.position == [Self.input: 2, Self.other: 9])
        }
      }
      group.addTask {
        try await store.write([Self.input: 2]) { _ in }
        try await store.write([Self.other: 8]) { _ in }
        reached.withLock { $0 = true }
        try await store.write([Self.other: 9]) { _ in }
      }
      try await group.waitForAll()
    }
  }

  @Test func aBlockingWaitEndsWithTheCommit() throws {
    let store = store
    let answer = Answer()
    let thread = Thread {
      answer.set(Result { try store.snapshot(atLeast: [Self.input: 3], timeout: .seconds(600)).position[Self.input] })
    }
    thread.start()
    try commit([Self.input: 2])
    try commit([Self.input: 3])
    #expect(try answer.get().get() == 3)
  }

  /// A result handed from one thread to another.
  private final class Answer: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    private let value = Mutex<Result<Offset?, any Error>?>(nil)

    func set(_ result: Result<Offset?, any Error>) {
      value.withLock { $0 = result }
      semaphore.signal()
    }

    func get() -> Result<Offset?, any Error> {
      semaphore.wait()
      return value.withLock { $0! }
    }
  }

  @Test func aTimeoutNamesWhatIsMissing() async throws {
    try commit([Self.input: 5])
    let wanted: Position = [Self.input: 5, Self.other: 2]
    let errors = [
      await #expect(throws: StoreError.self) { try await store.snapshot(atLeast: wanted, timeout: .milliseconds(1)) },
      #expect(throws: StoreError.self) { try blocking(atLeast: wanted, .milliseconds(1)) },
    ]
    for error in errors {
      #expect(error?.kind == .unavailable)
      #expect(error?.metadata == [.init(name: "other-3", value: "none of 2")])
    }
    // No waiter is resumed twice, and later waits work.
    try commit([Self.other: 2])
    #expect(try await store.snapshot(atLeast: wanted).position[Self.other] == 2)
  }

  @Test func cancellationEndsAWait() async throws {
    let store = store
    let before = Task {
      unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
      return try await store.snapshot(atLeast: [Self.input: 1])
    }
    await #expect(throws: CancellationError.self) { try await before.value }
    for timeout in [nil, Duration.seconds(600)] {
      let waiting = Task { try await store.snapshot(atLeast: [Self.input: 1], timeout: timeout) }
      await Task.yield()
      waiting.cancel()
      await #expect(throws: CancellationError.self) { try await waiting.value }
    }
  }

  @Test func closingEndsWaits() async throws {
    let store = store
    let waiting = Task { try await store.snapshot(atLeast: [Self.input: 1], timeout: .seconds(600)) }
    await Task.yield()
    try close()
    let error = await #expect(throws: StoreError.self) { try await waiting.value }
    #expect(error?.kind == .closed)
    await #expect(throws: StoreError.self) { try await store.write { _ in } }
    await #expect(throws: StoreError.self) { try await store.read { _ in } }
  }

  private func close() throws { try store.close() }

  @Test func aFailureOfTheStoreEndsWaits() async throws {
    let changelog = RecordingChangelog(InMemoryChangelog())
    let store = try StateStore.open(directory("failing"), tables: [balances], changelog: changelog)
    let waiting = Task { try await store.snapshot(atLeast: [Self.input: 1]) }
    await Task.yield()
    var faults = RecordingChangelog.Faults()
    faults.append = StoreError(.inputOutput, "planned")
    changelog.setFaults(faults)
    await #expect(throws: StoreError.self) { try await store.write([Self.input: 1]) { _ in } }
    let error = await #expect(throws: StoreError.self) { try await waiting.value }
    #expect(error?.kind == .commitUnknown)
  }

  // MARK: The executor

  @Test func anExecutorRunsTasksToo() async throws {
    let executor = StoreExecutor("test")
    let store = store
    let isIsolated = try await withTaskExecutorPreference(executor) {
      try store.flush()
      return executor.isIsolatingCurrentContext()
    }
    #expect(isIsolated != false)
    await Task(executorPreference: executor) { executor.preconditionIsolated() }.value
  }
}
