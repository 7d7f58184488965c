import Testing
import Tidemark
import TidemarkTesting

/// Restores count bytes if the changelog reports them, and calls that need a history are refused without one.
@Suite struct RestoreBytesTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// A changelog around another one; it can't report bytes, or keeps no history.
  struct Wrapped: Changelog {
    let base: any Changelog
    var capabilities: ChangelogCapabilities = [.verifiesHistory, .keepsHistory]
    var identity: ChangelogIdentity { base.identity }
    func offsets() throws(StoreError) -> ChangelogOffsets { try base.offsets() }
    func openWriter() throws(StoreError) -> any ChangelogWriter { try base.openWriter() }
    func read(
      from start: Offset, to end: Offset?, _ body: (LoggedCommit) throws(StoreError) -> ReadContinuation
    ) throws(StoreError) -> Offset { try base.read(from: start, to: end, body) }
    func receipt(endingAt offset: Offset) throws(StoreError) -> Receipt? { try base.receipt(endingAt: offset) }
    func deleteCommits(below offset: Offset) throws(StoreError) -> Offset { try base.deleteCommits(below: offset) }
  }

  private func fill(_ log: any Changelog) throws {
    let store = try StateStore.open(directory("first"), tables: [balances], changelog: log)
    for number in 0..<40 {
      try store.write { transaction in
        for key in 0..<(number == 39 ? 2000 : 2) { try transaction.put("key \(key)", Int64(number), in: balances) }
      }
    }
    try store.close()
  }

  /// Seen to fail with: offsets counted as bytes.
  @Test func progressCountsTheBytesThatAreLeft() throws {
    let log = try FileLog.open(directory.path, TopicPartition("log", 0))
    try fill(log)
    let bytes = try #require(try log.byteCount(from: 0, to: log.offsets().end))
    var steps: [OpenProgress] = []
    let store = try StateStore.open(directory("second"), tables: [balances], changelog: log) { steps.append($0) }
    #expect(steps.first?.remainingBytes == bytes)
    #expect(steps.last?.remainingBytes == 0)
    #expect(steps.last?.bytes == bytes)
    #expect(steps.allSatisfy { $0.remainingBytes == bytes - $0.bytes })
    try store.close()
  }

  @Test func aChangelogThatCannotTellBytesIsRestoredAsWell() throws {
    let log = InMemoryChangelog()
    try fill(log)
    var steps: [OpenProgress] = []
    let store = try StateStore.open(directory("second"), tables: [balances], changelog: Wrapped(base: log)) {
      steps.append($0)
    }
    #expect(steps.last?.phase == .ready)
    #expect(steps.allSatisfy { $0.remainingBytes == nil })
    #expect(try store.snapshot().get("key 1999", in: balances) == 39)
    try store.close()
  }

  /// Seen to fail with: a replay of whatever a tail still holds.
  @Test func whatNeedsAHistoryIsRefusedOfATail() throws {
    let log = InMemoryChangelog()
    try fill(log)
    let tail = Wrapped(base: log, capabilities: [.verifiesHistory])
    let error = storeError(.unsupported) {
      _ = try StateStore.restore(to: directory("past"), from: tail, upTo: .offset(10))
    }
    #expect(error?.message.contains("keeps only") == true)
    let store = try StateStore.open(directory("first"), tables: [balances], changelog: tail)
    _ = storeError(.unsupported) { _ = try store.verify(in: directory("scratch")) }
    try store.close()
  }
}
