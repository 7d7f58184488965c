import Foundation
import InMemoryLogging
import Logging
import SmallDisk
import Testing
import TidemarkTesting

@testable import Tidemark

/// The messages that a store logs, and those it must not log.
@Suite struct LoggingTests {
  let directory: TemporaryDirectory
  let observed = Observed()

  init() throws { directory = try TemporaryDirectory() }

  private func commit(_ number: Int64, to store: StateStore) throws {
    try store.write([TopicPartition("input", 0): Offset(number + 1)]) { try $0.put("a", number, in: balances) }
  }

  // MARK: Opening and closing

  @Test func openingAndClosingAreLoggedAndCommitsAreNot() throws {
    do {
      let store = try directory.store(try directory.log())
      for number: Int64 in 0..<10 { try commit(number, to: store) }
      // Gone without closing.
    }
    let store = try directory.store(try directory.log(), observed.options)
    let opened = try #require(observed.messages("the store is open").first)
    #expect(opened.level == .info)
    #expect(opened.value("store") == "state-0")
    #expect(opened.value("directory") == directory("store"))
    #expect(opened.value("restored-from") == "0")
    #expect(opened.value("restored-records") == "12")
    #expect(try opened.value("offset") == "\(store.info().committedOffset)")
    #expect(opened.value("epoch") == "1")
    #expect(opened.value("duration")?.hasSuffix("seconds") == true)
    for number: Int64 in 10..<110 { try commit(number, to: store) }
    _ = try store.snapshot().allBalances()
    try store.flush()
    #expect(observed.messages().count == 1)
    try store.close()
    #expect(observed.messages().count == 2)
    #expect(observed.messages("the store is closed").map(\.level) == [.debug])
    try store.close()
    #expect(observed.messages().count == 2)
  }

  @Test func theProgressOfARestoreIsLoggedNowAndThen() {
    var progress = OpenProgress(phase: .restoring, startOffset: 0, offset: 0, endOffset: 100)
    func observer(_ interval: Duration) -> StoreObserver {
      StoreObserver(observed.options, StoreDirectory(path: directory.path), nil, progressInterval: interval)
    }
    let (always, never) = (observer(.zero), observer(.seconds(3600)))
    for observer in [always, never] {
      for step: Int64 in 1...3 {
        progress.offset = Offset(step * 20)
        progress.records = Int(step) * 15
        observer.restored(progress)
      }
      progress.phase = .ready
      observer.restored(progress)
      progress.phase = .restoring
    }
    let messages = observed.messages("the store is being restored")
    #expect(messages.map { $0.value("offset") } == ["20", "40", "60"])
    #expect(messages.map { $0.value("records") } == ["15", "30", "45"])
    #expect(messages.allSatisfy { $0.level == .info && $0.value("end-offset") == "100" })
  }

  @Test func aTornEndOfTheChangelogIsLogged() throws {
    let log = try directory.log()
    do {
      let store = try directory.store(log)
      try commit(0, to: store)
    }
    let end = try log.offsets().end
    let segments = try FileManager.default.contentsOfDirectory(atPath: directory("changelog/state-0"))
    let segment = try #require(segments.filter { $0.hasSuffix(".log") }.max())
    let path = directory("changelog/state-0/" + segment)
    let file = try #require(FileHandle(forWritingAtPath: path))
    try file.seekToEnd()
    try file.write(contentsOf: Data(repeating: 7, count: 33))
    try file.close()
    let store = try directory.store(try directory.log(), observed.options)
    let cut = try #require(observed.messages("the changelog's torn end was cut").first)
    #expect(cut.level == .warning)
    #expect(cut.value("file") == path)
    #expect(cut.value("bytes") == "33")
    #expect(cut.value("offset") == "\(end)")
    #expect(cut.value("reason") != "none")
    try store.close()
    // The next open has nothing to report.
    let next = try directory.store(try directory.log(), observed.options)
    #expect(observed.messages("the changelog's torn end was cut").count == 1)
    try next.close()
  }

  // MARK: Failures

  @Test func aFailedStoreIsLoggedOnce() throws {
    let changelog = RecordingChangelog(try directory.log())
    let store = try directory.store(changelog, observed.options)
    try commit(0, to: store)
    var faults = RecordingChangelog.Faults()
    faults.sync = StoreError(.inputOutput, "planned")
    changelog.setFaults(faults)
    #expect(throws: StoreError.self) { try store.flush() }
    for _ in 0..<3 { _ = storeError(.failed) { try commit(1, to: store) } }
    #expect(throws: StoreError.self) { try store.close() }
    let failed = observed.messages("the store takes no more writes")
    #expect(failed.count == 1)
    #expect(failed.first?.level == .error)
    #expect(failed.first?.value("kind") == "failed")
    #expect((failed.first?.error as? StoreError)?.causeKind == .inputOutput)
  }

  @Test(arguments: [StoreError.Kind.fenced, .commitUnknown])
  func aCommitThatStopsTheStoreIsLoggedOnce(_ kind: StoreError.Kind) throws {
    let changelog = RecordingChangelog(try directory.log())
    let store = try directory.store(changelog, observed.options)
    var faults = RecordingChangelog.Faults()
    faults.append = StoreError(kind, "planned")
    changelog.setFaults(faults)
    for _ in 0..<3 { _ = storeError(kind) { try commit(0, to: store) } }
    let failed = observed.messages("the store takes no more writes")
    #expect(failed.map { $0.value("kind") } == [kind.rawValue])
    #expect((failed.first?.error as? StoreError)?.message == "planned")
    #expect(throws: StoreError.self) { try store.close() }
  }

  @Test func aCommitThatCanBeTriedAgainIsNotLogged() throws {
    let changelog = RecordingChangelog(try directory.log())
    let store = try directory.store(changelog, observed.options)
    var faults = RecordingChangelog.Faults()
    faults.append = StoreError(.unavailable, "planned")
    changelog.setFaults(faults)
    for _ in 0..<3 { _ = storeError(.unavailable) { try commit(0, to: store) } }
    #expect(observed.messages().map { "\($0.message)" } == ["the store is open"])
    changelog.setFaults(RecordingChangelog.Faults())
    try store.close()
  }

  @Test func aHeadForWhichThereIsNoSpaceIsLogged() throws {
    var options = observed.options
    options.storedLagTime = .milliseconds(5)
    let disk = Disk()
    options.fileSystem = disk.fileSystem
    let store = try directory.store(try directory.log(), options)
    disk.plan(Disk.Fault(.write, count: .max, pathSuffix: "/HEAD.tmp", errno: ENOSPC))
    try commit(0, to: store)
    try #require(eventually { !observed.messages("there is no space for HEAD").isEmpty })
    let skipped = try #require(observed.messages("there is no space for HEAD").first)
    #expect(skipped.level == .warning)
    #expect((skipped.error as? StoreError)?.kind == .outOfSpace)
    disk.heal()
    try commit(1, to: store)
    try store.close()
    #expect(observed.messages("the store takes no more writes").isEmpty)
  }

  /// The rows of two table files with overlapping keys don't fit a third time.
  @Test(.enabled(if: SmallDisk.isPossible)) func aCompactionForWhichThereIsNoSpaceIsLoggedAndCounted() throws {
    let disk = try SmallDisk(directory("disk"), mebibytes: 12)
    var options = observed.options
    options.columnFamilyOptions = ["level0_file_num_compaction_trigger": "2", "compression": "kNoCompression"]
    let store = try directory.store(try directory.log(), options, "disk/store")
    let text = String(repeating: "x", count: 5000)
    for round: Int64 in 0..<2 {
      try store.write { transaction in
        for number: Int64 in 0..<500 { try transaction.put(("row", number * 2 + round), text, in: orders) }
      }
      if round == 1 { try disk.fill(leaving: 4_000_000) }
      // While the compaction takes the remaining space, there may be none for HEAD.
      do throws(StoreError) { try store.flush() } catch { #expect(error.kind == .outOfSpace && round == 1) }
    }
    try #require(eventually { !observed.messages("a compaction failed").isEmpty })
    let failed = try #require(observed.messages("a compaction failed, and will be repeated").first)
    #expect(failed.level == .error && failed.error != nil)
    #expect(try observed.counter("background-errors") >= 1)
    #expect(observed.messages("the store takes no more writes").isEmpty)
    try disk.makeRoom()
    try #require(try eventually { try observed.counter("compaction-total") >= 1 })
    try commit(0, to: store)
    // RocksDB remembers the error, and the next flush may fail with it, though there is room.
    try? store.close()
  }

  // MARK: While it works

  @Test func aSnapshotThatExpiresIsLogged() throws {
    var options = observed.options
    options.snapshotExpiry = .milliseconds(5)
    let store = try directory.store(try directory.log(), options)
    try commit(0, to: store)
    let view = try store.snapshot()
    try #require(eventually { !observed.messages("a snapshot has expired").isEmpty })
    let expired = observed.messages("a snapshot has expired")
    #expect(expired.map(\.level) == [.notice])
    #expect(expired.first?.value("offset") == "\(view.offset)")
    #expect(expired.first?.value("age")?.hasSuffix("seconds") == true)
    try store.close()
  }
}
