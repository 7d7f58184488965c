import Foundation
import Testing
import Tidemark
import TidemarkTesting

/// R2, read-committed: nobody but the transaction sees uncommitted data, and a snapshot is the state at one commit.
@Suite struct RuleR2Tests {
  let directory: TemporaryDirectory
  let input = TopicPartition("input", 0)

  init() throws { directory = try TemporaryDirectory() }

  /// Seen to fail with: reads of a view (`get`, scans) without its snapshot.
  @Test func aSnapshotIsTheStateAtOneCommit() throws {
    let store = try directory.store(try directory.log())
    try store.write([input: 1]) { try $0.put("a", 1, in: balances) }
    let before = try store.snapshot()
    var transaction = try store.begin()
    try transaction.put("a", 2, in: balances)
    try transaction.put("b", 2, in: balances)
    let meanwhile = try store.snapshot()
    for view in [before, meanwhile] {
      #expect(try view.get("a", in: balances) == 1)
      #expect(try view.allBalances() == ["a": 1])
      #expect(try view.multiGet(["a", "b"], in: balances) == [1, nil])
    }
    var openScan = try before.scan(balances)
    try transaction.commit([input: 2])
    try store.flush()
    for view in [before, meanwhile] {
      #expect(try view.get("a", in: balances) == 1)
      #expect(try view.allBalances() == ["a": 1])
      #expect(try view.multiGet(["a", "b"], in: balances) == [1, nil])
      #expect(view.position == [input: 1])
    }
    #expect(before.offset == meanwhile.offset)
    let first = try openScan.next()
    #expect(first?.value == 1)
    let second = try openScan.next()
    #expect(second == nil)
    let after = try store.snapshot()
    #expect(try after.allBalances() == ["a": 2, "b": 2])
    #expect(after.position == [input: 2])
    #expect(after.offset > before.offset)
  }

  /// ```
  /// writer                          reader
  /// append begins
  ///                                 snapshot: the former commit
  /// the commit is in the log
  ///                                 snapshot: the former commit
  /// commit returns
  ///                                 snapshot: the commit
  /// ```
  ///
  /// Seen to fail with: the batch installed before the append.
  @Test func aCommitUnderWayIsNotSeen() throws {
    let log = RecordingChangelog(try directory.log())
    let store = try directory.store(log)
    try store.write([input: 1]) { try $0.put("a", 1, in: balances) }
    let former = try store.snapshot().offset
    let (begins, ends) = (Gate(), Gate())
    var faults = RecordingChangelog.Faults()
    faults.willAppend = { begins.pass() }
    faults.didAppend = { ends.pass() }
    log.setFaults(faults)
    let commit = BackgroundCall { [input] in try store.write([input: 2]) { try $0.put("a", 2, in: balances) } }
    for gate in [begins, ends] {
      #expect(eventually { gate.hasArrivals })
      let view = try store.snapshot()
      #expect(try view.get("a", in: balances) == 1)
      #expect(view.offset == former)
      #expect(view.position == [input: 1])
      #expect(try store.info().committedOffset == former)
      gate.open()
    }
    try commit.wait()
    #expect(try store.snapshot().get("a", in: balances) == 2)
    #expect(try store.snapshot().position == [input: 2])
  }

  /// Seen to fail with: a transaction that isn't emptied by `abort()`; a rollback that keeps the changes.
  @Test func whatIsAbortedIsNeverSeenAndNeverLogged() throws {
    let log = RecordingChangelog(try directory.log())
    let store = try directory.store(log)
    try store.write { try $0.put("a", 1, in: balances) }
    let end = try log.offsets().end
    struct ChangeOfMind: Error {}
    #expect(throws: ChangeOfMind.self) {
      try store.write { transaction in
        try transaction.put("a", 2, in: balances)
        throw ChangeOfMind()
      }
    }
    var transaction = try store.begin()
    try transaction.delete("a", in: balances)
    transaction.advance(streamTime: 99)
    transaction.abort()
    try transaction.commit()
    #expect(throws: ChangeOfMind.self) {
      try transaction.savepoint { transaction in
        try transaction.put("b", 1, in: balances)
        throw ChangeOfMind()
      }
    }
    try transaction.commit()
    #expect(try log.offsets().end == end)
    #expect(try store.snapshot().allBalances() == ["a": 1])
    #expect(try store.snapshot().streamTime == nil)
  }
}
