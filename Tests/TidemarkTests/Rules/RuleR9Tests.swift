import BankProcess
import Foundation
import Testing
import Tidemark

/// R9, one writer: a lock held for life, and a second opener gets a clear error.
@Suite struct RuleR9Tests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// Seen to fail with: a store that takes no lock; a lock that is let go at once.
  @Test func aSecondOpenInThisProcessIsRefused() throws {
    let log = try directory.log()
    let store = try directory.store(log)
    try store.write { try $0.put("a", 1, in: balances) }
    let error = storeError(.locked) { _ = try directory.store(try directory.log()) }
    #expect(error?.metadata.contains { $0.value == "\(ProcessInfo.processInfo.processIdentifier)" } == true)
    _ = storeError(.locked) { _ = try StateStore.open(directory("store"), tables: [balances, orders]) }
    try store.write { try $0.put("a", 2, in: balances) }
    try store.close()
    let next = try directory.store(log)
    #expect(try next.snapshot().get("a", in: balances) == 2)
    try next.close()
  }

  /// A child process holds all descriptors until it runs its program.
  ///
  /// Seen to fail with: a lock that is released only with the last descriptor of its file.
  @Test func whoInheritsTheLocksKeepsNobodyOut() throws {
    let log = try directory.log()
    let store = try directory.store(log)
    var inherited: [Int32] = []
    defer { for descriptor in inherited { close(descriptor) } }
    for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
      let target = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + name)) ?? ""
      if target.hasPrefix(directory.path), target.hasSuffix("LOCK") || target.hasSuffix("writer.lock") {
        inherited.append(dup(try #require(Int32(name))))
      }
    }
    #expect(inherited.count >= 2)
    try store.close()
    try directory.store(log).close()
  }

  /// A second close of the same descriptor may close another thread's file.
  ///
  /// Seen to fail with: a refused lock that closes its descriptor in `init` and again in `deinit`.
  @Test func aRefusedOpenerClosesNothingOfOthers() throws {
    let store = try directory.store(try directory.log())
    let isOver = Gate()
    let other = BackgroundCall {
      var stolen = 0
      while !isOver.hasArrivals {
        let descriptor = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
        if close(descriptor) != 0 { stolen += 1 }
      }
      #expect(stolen == 0)
    }
    let log = try directory.log()
    for _ in 0..<2000 { _ = storeError(.locked) { _ = try directory.store(log) } }
    isOver.open()
    isOver.pass()
    try other.wait()
    try store.close()
  }

  /// Seen to fail with: a store that takes no lock.
  @Test func aStoreThatAnotherProcessHasIsRefused() throws {
    let child = try BankChild(directory.path, seed: 1, round: 0, .hold)
    #expect(child.line(until: .now.advanced(by: .seconds(60))) == "ready 0")
    let error = storeError(.locked) { _ = try Bank.open(directory.path) }
    #expect(error?.metadata.contains { $0.value == "\(child.processID)" } == true, "the holder is named")
    #expect(error?.metadata.contains { $0.value == directory("store/LOCK") } == true)
    _ = storeError(.locked) { _ = try Bank.log(directory.path).openWriter() }
    child.kill()
    let store = try Bank.open(directory.path)
    try Audit(try store.snapshot()).wholly(seed: 1)
    try store.close()
  }

  /// Seen to fail with: a log whose writer takes no lock.
  @Test func aChangelogThatAnotherStoreWritesIsRefused() throws {
    let store = try directory.store(try directory.log())
    _ = storeError(.locked) { _ = try directory.store(try directory.log(), .lazy, "another") }
    try store.write { try $0.put("a", 1, in: balances) }
    #expect(try store.snapshot().get("a", in: balances) == 1)
    try store.close()
    let another = try directory.store(try directory.log(), .lazy, "another")
    #expect(try another.snapshot().get("a", in: balances) == 1)
    try another.close()
  }

  /// Seen to fail with: a store that counts no transactions.
  @Test func aSecondTransactionIsRefused() throws {
    let store = try directory.store(try directory.log())
    do {
      let transaction = try store.begin()
      _ = storeError(.locked) { _ = try store.begin() }
      _ = storeError(.locked) { try store.write { try $0.put("a", 1, in: balances) } }
      _ = consume transaction
    }
    try store.write { try $0.put("a", 1, in: balances) }
    try store.close()
  }

  /// Somebody removed the log's lock file and started another writer.
  ///
  /// The deposed writer's appends are ignored, and none of them gets into its table files.
  ///
  /// Seen to fail with: syncs that don't check the lock.
  @Test func whatADeposedWriterAppendsIsNeverStored() throws {
    let deposedLog = try directory.log()
    let successorLog = try directory.log()
    do {
      let deposed = try directory.store(deposedLog)
      try deposed.write { try $0.put("a", 1, in: balances) }
      try deposed.flush()
      try FileManager.default.removeItem(atPath: directory("changelog/state-0/writer.lock"))
      let successor = try directory.store(successorLog, .lazy, "successor")
      #expect(try successor.info().epoch == deposed.info().epoch + 1)
      let start = try successor.info().committedOffset
      try? deposed.write { try $0.put("a", 666, in: balances) }
      #expect(throws: StoreError.self) { try deposed.flush() }
      _ = storeError(.fenced) { try deposed.write { try $0.put("a", 667, in: balances) } }
      #expect(throws: StoreError.self) { try deposed.close() }
      #expect(try successorLog.offsets().end == start)
      try successor.write { try $0.put("b", 2, in: balances) }
      #expect(try successor.snapshot().allBalances() == ["a": 1, "b": 2])
      #expect(try successor.verify(in: directory("scratch")).agrees)
      try successor.close()
    }
    let store = try directory.store(try directory.log())
    #expect(try store.snapshot().allBalances() == ["a": 1, "b": 2])
    try store.close()
  }
}
