import Foundation
import Testing
import Tidemark
import TidemarkTesting

/// R6, acknowledged commits stay; and the three outcomes of a commit.
///
/// The crash test covers `.os`.
@Suite struct RuleR6Tests {
  let directory: TemporaryDirectory
  let input = TopicPartition("input", 0)

  init() throws { directory = try TemporaryDirectory() }

  /// Seen to fail with: a log that acknowledges under `.sync` without syncing.
  @Test func synchronousCommitsAreDurableWhenAcknowledged() throws {
    let log = try directory.log(FileLogOptions(durability: .sync))
    let store = try directory.store(log)
    for number in 0..<20 {
      try store.write { try $0.put("key\(number)", 1, in: balances) }
      let info = try store.info()
      #expect(try #require(info.changelogOffsets).durable == info.committedOffset)
    }
  }

  /// Seen to fail with: a log whose thread doesn't sync.
  @Test func aQuietStoreBecomesDurableWithinTheInterval() throws {
    let log = try directory.log(FileLogOptions(durability: .interval(.milliseconds(5))))
    let store = try directory.store(log)
    try store.write { try $0.put("a", 1, in: balances) }
    try #require(try eventually { try log.offsets().durable == store.info().committedOffset })
  }

  /// Seen to fail with: a commit that is published and acknowledged when its append throws.
  @Test(arguments: [StoreError.Kind.unavailable, .outOfSpace, .tooLarge])
  func aCommitThatIsNotCommittedStaysStagedAndCanBeTriedAgain(_ kind: StoreError.Kind) throws {
    let log = RecordingChangelog(try directory.log())
    let store = try directory.store(log)
    try store.write([input: 1]) { try $0.put("a", 1, in: balances) }
    let end = try log.offsets().end
    var transaction = try store.begin()
    try transaction.put("a", 2, in: balances)
    try transaction.put("b", 2, in: balances)
    transaction.advance(streamTime: 5)
    let bytes = transaction.uncommittedBytes
    var faults = RecordingChangelog.Faults()
    faults.append = StoreError(kind, "not committed")
    log.setFaults(faults)
    for _ in 0..<2 {
      let error = #expect(throws: StoreError.self) { try transaction.commit([input: 2]) }
      #expect(error?.kind == kind)
    }
    #expect(try log.offsets().end == end)
    #expect(transaction.uncommittedBytes == bytes)
    #expect(transaction.streamTime == 5)
    #expect(try transaction.get("b", in: balances) == 2)
    #expect(try store.snapshot().allBalances() == ["a": 1])
    #expect(try store.snapshot().position == [input: 1])
    log.setFaults(RecordingChangelog.Faults())
    try transaction.put("c", 2, in: balances)
    try transaction.commit([input: 2])
    #expect(transaction.uncommittedEntries == 0)
    let view = try store.snapshot()
    #expect(try view.allBalances() == ["a": 2, "b": 2, "c": 2])
    #expect(view.position == [input: 2])
    #expect(view.streamTime == 5)
    #expect(try store.verify(in: directory("scratch")).agrees)
  }

  /// The log appended the commit and failed to confirm it: any error means this unless it says *not committed*.
  ///
  /// Seen to fail with: a store that goes on after `commitUnknown`; one that takes any other kind for *not committed*.
  @Test(arguments: [StoreError.Kind.commitUnknown, .fenced, .inputOutput, .closed, .permissionDenied])
  func aCommitThatIsUnknownStopsTheStoreUntilItIsReopened(_ kind: StoreError.Kind) throws {
    let log = RecordingChangelog(try directory.log())
    do {
      let store = try directory.store(log)
      try store.write([input: 1]) { try $0.put("a", 1, in: balances) }
      var transaction = try store.begin()
      try transaction.put("a", 2, in: balances)
      var faults = RecordingChangelog.Faults()
      faults.appended = StoreError(kind, "the log lost its memory")
      log.setFaults(faults)
      let error = #expect(throws: StoreError.self) { try transaction.commit([input: 2]) }
      #expect(error?.kind == (kind == .fenced ? .fenced : .commitUnknown))
      log.setFaults(RecordingChangelog.Faults())
      // A second try must not reach the log: the first may be in it.
      let end = try log.offsets().end
      #expect(throws: StoreError.self) { try transaction.commit([input: 2]) }
      #expect(throws: StoreError.self) { try transaction.put("z", 1, in: balances) }
      #expect(try log.offsets().end == end)
      #expect(try store.snapshot().allBalances() == ["a": 1])
    }
    let store = try directory.store(log)
    #expect(try store.snapshot().allBalances() == ["a": 2])
    #expect(try store.snapshot().position == [input: 2])
    #expect(try store.verify(in: directory("scratch")).agrees)
  }

  /// Seen to fail with: commits that are acknowledged without an append.
  @Test func nothingIsAcknowledgedBeforeTheLogHasIt() throws {
    let log = RecordingChangelog(try directory.log())
    let store = try directory.store(log)
    let gate = Gate()
    var faults = RecordingChangelog.Faults()
    faults.willAppend = { gate.pass() }
    log.setFaults(faults)
    let commit = BackgroundCall { try store.write { try $0.put("a", 1, in: balances) } }
    #expect(eventually { gate.hasArrivals || commit.isDone })
    #expect(!commit.isDone)
    gate.open()
    try commit.wait()
    let appended = AppendedCommit(baseOffset: 3, endOffset: 5, receipt: try store.info().receipt)
    #expect(log.events.contains(.appended(appended)))
  }
}
