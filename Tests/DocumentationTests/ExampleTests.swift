import Foundation
import Testing
import Tidemark
import TidemarkTesting

/// Runs the catalogue's examples.
@Suite struct ExampleTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func order(_ number: Int) -> Order {
    Order(customer: number % 3 == 0 ? "anna" : "bert", time: Int64(number), cents: Int64(number))
  }

  private func fill(_ store: StateStore, _ numbers: Range<Int>) throws {
    try store.write([input: Offset(Int64(numbers.upperBound))]) { transaction in
      for number in numbers {
        let order = order(number)
        try transaction.put((order.customer, order.time), order, in: orders)
        try transaction.update(order.customer, in: spent) { $0 = ($0 ?? 0) + order.cents }
      }
    }
  }

  // MARK: Getting started

  @Test func theProcessorGoesOnWhereItStopped() async throws {
    for round in 0..<2 {
      let processor = try OrderProcessor(try openStore(in: directory.path))
      #expect(try await processor.start() == Offset(Int64(round * 50)))
      for number in round * 50..<round * 50 + 50 {
        try await processor.process(order(number), next: Offset(Int64(number) + 1))
      }
      try await processor.finish(at: Offset(Int64(round * 50 + 50)))
    }
    let store = try openStore(in: directory.path)
    let view = try store.snapshot()
    #expect(try view.get("anna", in: spent) == stride(from: 0, to: 100, by: 3).reduce(0) { $0 + Int64($1) })
    #expect(view.streamTime == 99)
    #expect(try latestOrders(of: "anna", in: view, atMost: 2) == [order(99), order(96)])
  }

  @Test func tasksWriteAndReadWhatTheyWrote() async throws {
    let store = try openStore(in: directory.path)
    #expect(try await add(5, to: "anna", next: 1, in: store) == 5)
    async let sum = spent(by: "anna", upTo: 2, in: store)
    #expect(try await add(6, to: "anna", next: 2, in: store) == 11)
    #expect(try await sum == 11)
  }

  @Test func aReportReadsARangeAndTheNearestRow() throws {
    let store = try openStore(in: directory.path)
    try fill(store, 0..<10)
    let report = try report("a"..<"b", "anna", before: 9, in: try store.snapshot())
    #expect(report.cents == 18)
    #expect(report.latest == order(6))
    #expect(throws: StoreError.self) { try look(at: directory("store"), for: "anna") }
    try store.close()
  }

  @Test func aClosedStoreIsLookedAt() throws {
    do {
      let store = try openStore(in: directory.path)
      try fill(store, 0..<10)
      try store.close()
    }
    let found = try look(at: directory("store"), for: "anna")
    #expect(found.cents == 18)
    #expect(try StateStore.storedOffset(at: directory("store"))?.offset == found.offset)
  }

  @Test func aSavepointTakesAnOrderBack() throws {
    let store = try openStore(in: directory.path)
    var transaction = try store.begin()
    #expect(try take(order(30), limit: 40, in: &transaction))
    #expect(try !take(order(33), limit: 40, in: &transaction))
    #expect(try transaction.get("anna", in: spent) == 30)
    #expect(try spentUntilNow(by: "anna", in: store) == 30)
    #expect(try transaction.get(("anna", 33), in: orders) == nil)
  }

  @Test func pagesFollowEachOther() throws {
    let store = try openStore(in: directory.path)
    try store.write { transaction in
      for number in 100..<350 { try transaction.put("customer \(number)", 1, in: spent) }
    }
    let view = try store.snapshot()
    var names: [String] = []
    var next: ScanContinuation?
    repeat {
      let found = try page(of: view, after: next)
      names += found.names
      next = found.next
    } while next != nil
    #expect(names == (100..<350).map { "customer \($0)" })
  }

  @Test func aStoreWithoutAChangelogCounts() throws {
    #expect(try count("tide", in: directory("words")) == 1)
    #expect(try count("tide", in: directory("words")) == 2)
  }

  // MARK: Guarantees

  @Test func aFailedCommitSaysWhatToDo() throws {
    let changelog = RecordingChangelog(InMemoryChangelog(maxCommitBytes: 4 << 10))
    let store = try StateStore.open(directory("store"), tables: [spent, orders], changelog: changelog)
    var transaction = try store.begin()
    try transaction.put("anna", 1, in: spent)
    #expect(try commit(&transaction, [input: 1]) == .goOn)
    for number in 0..<1000 { try transaction.put("customer \(number)", 1, in: spent) }
    #expect(try commit(&transaction, [input: 2]) == .abort)
    transaction.abort()
    let answers: [(StoreError.Kind, Reaction)] = [
      (.unavailable, .tryAgain), (.outOfSpace, .tryAgain), (.inputOutput, .reopen),
    ]
    for (kind, reaction) in answers {
      var faults = RecordingChangelog.Faults()
      faults.append = StoreError(kind, "planned")
      changelog.setFaults(faults)
      try transaction.put("bert", 1, in: spent)
      #expect(try commit(&transaction, [input: 3]) == reaction)
    }
    #expect(try consistentReport(store) == (1, [input: 1]))
  }

  @Test func aFencedWriterStops() throws {
    let changelog = InMemoryChangelog()
    let store = try StateStore.open(directory("store"), tables: [spent], changelog: changelog)
    var transaction = try store.begin()
    try transaction.put("anna", 1, in: spent)
    _ = try changelog.reopened().openWriter()
    #expect(try commit(&transaction, [:]) == .stop)
    #expect(throws: StoreError.self) { try transaction.put("anna", 2, in: spent) }
  }

  @Test func aFailureBesideACommitStopsWritesAndNotReads() throws {
    let changelog = RecordingChangelog(InMemoryChangelog())
    let store = try StateStore.open(directory("store"), tables: [spent], changelog: changelog)
    var transaction = try store.begin()
    try transaction.put("anna", 1, in: spent)
    #expect(try commit(&transaction, [input: 1]) == .goOn)
    try transaction.put("anna", 2, in: spent)
    var faults = RecordingChangelog.Faults()
    faults.sync = StoreError(.inputOutput, "planned")
    changelog.setFaults(faults)
    #expect(throws: StoreError.self) { try store.flush() }
    #expect(try commit(&transaction, [input: 2]) == .reopen)
    do { try transaction.put("anna", 3, in: spent) } catch { #expect(error.kind == .failed) }
    #expect(try consistentReport(store) == (1, [input: 1]))
  }

  // MARK: Testing

  @Test func whatTheTestingArticleShowsHolds() async throws {
    let numbers = (1...25).map { Int64($0) }
    #expect(try sumOfATemporaryStore(numbers) == (1...20).reduce(0, +))
    #expect(try await sumOfATemporaryStore(ofLater: { numbers }) == (1...20).reduce(0, +))
    #expect(try sumOverTwoLives(numbers) == (1...20).reduce(0, +))
    #expect(try sumAfterProcessDeath(numbers, in: directory("death")) == (1...20).reduce(0, +))
    #expect(try positionAfterPowerLoss(numbers, .sync, in: directory("sync")) == [input: 20])
    // RocksDB may have compacted meanwhile, which syncs the log.
    let prefixes: [Position] = [[:], [input: 10], [input: 20]]
    #expect(prefixes.contains(try positionAfterPowerLoss(numbers, .os, in: directory("os"))))
    #expect(
      try kindsOfFailedCommits(in: directory("failed")) == [.unavailable, .commitUnknown, .commitUnknown])
    try checkFileLog(in: directory("logs"))
    var random = SeededGenerator()
    #expect(try agreesWithModel(steps: 2000, using: &random, in: directory("model")))
    #expect(try agreesWithModel(in: directory("model again")))
  }

  @Test func readersBesideAWriterSeeNoAnomalies() throws {
    let store = try StateStore.open(directory("isolation"), tables: [lists], changelog: InMemoryChangelog())
    let recorder = HistoryRecorder()
    DispatchQueue.concurrentPerform(iterations: 3) { thread in
      #expect(throws: Never.self) {
        for number in 0..<100 {
          if thread == 0 {
            try append(number, in: store, recorder)
          } else {
            try look(at: store, process: thread, recorder)
          }
        }
      }
    }
    let report = recorder.history.check()
    #expect(report.isClean, "\(report)")
    #expect(report.commitCount == 100 && report.operationCounts[.snapshot] == 200)
  }

  @Test func theLogIsSyncedBeforeTableFiles() throws {
    let events = try eventsOfOneCommit(in: directory("events"))
    guard case .appended(let commit) = events.first else { throw Unexpected(description: "\(events)") }
    #expect(events.dropFirst().contains(.synced(commit.endOffset)))
  }

  struct Unexpected: Error { let description: String }

  // MARK: Operating

  @Test func aBackupAndTheChangelogAreTheStore() throws {
    let changelog = try FileLog.open(
      directory.path, TopicPartition("state", 0), options: FileLogOptions(segmentBytes: 4 << 10))
    let store = try StateStore.open(directory("store"), tables: [spent, orders], changelog: changelog)
    for part in 0..<10 { try fill(store, part * 20..<part * 20 + 20) }
    #expect(try backUp(store, to: directory("backup")) > 0)
    try fill(store, 200..<300)
    let expected = try consistentReport(store)
    #expect(try check(store, scratch: directory("scratch")))
    #expect(try metrics(of: store)["committed offset"] == store.snapshot().offset.value)
    try store.close()

    let restored = try restore(directory("backup"), to: directory("restored"), changelog)
    #expect(try consistentReport(restored) == expected)
    #expect(try check(restored, scratch: directory("scratch")))
    try restored.close()

    let aside = try rebuild(directory("store"), changelog)
    #expect(FileManager.default.fileExists(atPath: aside + "/db/CURRENT"))
    let rebuilt = try StateStore.open(directory("store"), tables: [spent, orders], changelog: changelog)
    #expect(try consistentReport(rebuilt) == expected)
    try rebuilt.close()
  }

  @Test func thePastIsForkedAndOldAnswersAreGiven() throws {
    let changelog = try FileLog.open(directory.path, TopicPartition("state", 0))
    let store = try StateStore.open(directory("store"), tables: [spent, orders], changelog: changelog)
    try fill(store, 0..<50)
    let expected = try consistentReport(store)
    try store.close()
    let forked = try fork(changelog, at: .max, to: directory("fork"))
    #expect(try consistentReport(forked) == expected)
    try forked.close()
    try FileManager.default.copyItem(atPath: directory("store"), toPath: directory("old"))
    let again = try StateStore.open(directory("store"), tables: [spent, orders], changelog: changelog)
    try fill(again, 100..<120)
    let latest = try again.snapshot().offset
    try again.close()
    let offsets = Offsets()
    let served = try openServing(directory("old"), changelog) { offsets.append($0.offset) }
    #expect(offsets.all.count == 2 && offsets.all[0] < latest && offsets.all[1] == latest)
    let first = try backUpWhatIsNew(served, to: directory.path, named: "backup-1")
    try fill(served, 120..<130)
    #expect(try backUpWhatIsNew(served, to: directory.path, named: "backup-2").offset > first.offset)
    try served.close()
  }

  /// The offsets given to a closure; used on this thread alone.
  private final class Offsets: @unchecked Sendable {
    private(set) var all: [Offset] = []
    func append(_ offset: Offset) { all.append(offset) }
  }

  @Test func aStoreWithoutAChangelogHasNothingToRestoreFrom() throws {
    func kind(_ body: () throws -> Void) -> StoreError.Kind? {
      do { try body() } catch { return (error as? StoreError)?.kind }
      return nil
    }
    let store = try StateStore.open(directory("store"), tables: [spent])
    try store.write { try $0.put("anna", 1, in: spent) }
    #expect(try check(store, scratch: directory("scratch")), "its table files are whole")
    #expect(kind { try store.deleteChangelog(coveredBy: directory("backup")) } == .unsupported)
    try store.close()
    let changelog = InMemoryChangelog()
    #expect(
      kind { _ = try StateStore.open(directory("store"), tables: [spent], changelog: changelog) } == .wrongChangelog)
    #expect(kind { _ = try StateStore.setAside(directory("store")) } == .unsupported)
    let kept = try StateStore.open(directory("store"), tables: [spent])
    #expect(try kept.snapshot().get("anna", in: spent) == 1)
    try kept.close()
  }

  @Test func aCheckpointNeedsItsChangelog() throws {
    let changelog = InMemoryChangelog()
    let store = try StateStore.open(directory("store"), tables: [spent, orders], changelog: changelog)
    try fill(store, 0..<10)
    _ = try store.checkpoint(to: directory("backup"))
    try store.close()
    try Checkpoint.verified(directory("backup")).copy(to: directory("restored"))
    #expect {
      try StateStore.open(directory("restored"), tables: [spent])
    } throws: {
      ($0 as? StoreError)?.kind == .wrongChangelog
    }
    // The checkpoint that `BASE` names is gone, and the changelog has all its commits.
    try FileManager.default.removeItem(atPath: directory("backup"))
    #expect(throws: StoreError.self) { try StateStore.setAside(directory("restored")) }
    try FileManager.default.removeItem(atPath: directory("restored/BASE"))
    _ = try rebuild(directory("restored"), changelog)
  }

  @Test func optionsReachRocksDB() throws {
    let stores = try openWithOptions(directory.path)
    let effective = try stores[0].info().effectiveOptions
    #expect(effective.contains { $0.key.hasSuffix("max_background_jobs") && $0.value == "4" })
    #expect(effective.contains { $0.key.hasSuffix("write_buffer_size") && $0.value == "33554432" })
    for store in stores { try store.close() }
    var options = StoreOptions()
    options.databaseOptions = ["atomic_flush": "false"]
    #expect {
      try StateStore.open(directory("fixed"), tables: [spent], options: options)
    } throws: {
      ($0 as? StoreError)?.kind == .invalidArgument
    }
  }

  // MARK: Errors

  @Test func anErrorIsOneLine() throws {
    let changelog = InMemoryChangelog()
    let first = openOrExplain(directory("store"), changelog)
    #expect(first.line == "open")
    #expect(openOrExplain(directory("store"), changelog).line.hasPrefix("wait: "))
    try first.store?.close()
  }
}
