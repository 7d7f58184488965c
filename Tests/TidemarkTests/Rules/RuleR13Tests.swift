import Foundation
import Testing
import Tidemark
import TidemarkTesting

/// R13, the log is kept: only the part that a verified checkpoint outside the store's directory covers is ever deleted.
@Suite struct RuleR13Tests {
  let directory: TemporaryDirectory
  let logOptions = FileLogOptions(segmentBytes: 4 << 10)

  init() throws { directory = try TemporaryDirectory() }

  private func log() throws -> FileLog { try directory.log(logOptions) }

  private func commit(_ numbers: Range<Int>, to store: StateStore) throws {
    for number in numbers {
      try store.write([TopicPartition("input", 0): Offset(Int64(number + 1))]) { transaction in
        try transaction.put("key\(number % 40)", Int64(number), in: balances)
        try transaction.put(("order", Int64(number)), String(repeating: "x", count: 100), in: orders)
        transaction.advance(streamTime: Int64(number))
      }
    }
  }

  /// Seen to fail with: segments that are deleted after each flush.
  @Test func nothingIsDeletedUnlessItIsAskedFor() throws {
    let log = try log()
    for round in 0..<3 {
      let store = try directory.store(log)
      for number in 0..<5 {
        try commit(round * 100 + number * 20..<round * 100 + number * 20 + 20, to: store)
        try store.flush()
      }
      _ = try store.checkpoint(to: directory("checkpoint\(round)"))
      try store.close()
    }
    #expect(try log.offsets().start == .zero)
    var count = 0
    _ = try log.read(from: .zero, to: nil) { (_) throws(StoreError) in
      count += 1
      return .next
    }
    #expect(count == 301)
  }

  /// Seen to fail with: no comparison of places, or one that doesn't follow symbolic links.
  @Test func aCheckpointInsideTheStoresDirectoryIsRefused() throws {
    let log = try log()
    let store = try directory.store(log)
    try commit(0..<100, to: store)
    _ = try store.checkpoint(to: directory("store/checkpoint"))
    try FileManager.default.createSymbolicLink(
      atPath: directory("elsewhere"), withDestinationPath: directory("store/checkpoint"))
    try FileManager.default.createSymbolicLink(
      atPath: directory("linked"), withDestinationPath: directory("store"))
    for place in ["store/checkpoint", "store/../store/checkpoint", "elsewhere", "linked/checkpoint"] {
      _ = storeError(.invalidArgument) { try store.deleteChangelog(coveredBy: directory(place)) }
    }
    _ = storeError(.invalidArgument) { try store.deleteChangelog(coveredBy: directory("nowhere")) }
    #expect(try log.offsets().start == .zero)
    try store.close()
  }

  /// Seen to fail with: a checkpoint that isn't verified.
  @Test func aDamagedCheckpointIsRefused() throws {
    let log = try log()
    let store = try directory.store(log)
    try commit(0..<200, to: store)
    let checkpoint = try store.checkpoint(to: directory("checkpoint"))
    #expect(try checkpoint.offset == store.info().committedOffset)
    let names = try FileManager.default.contentsOfDirectory(atPath: directory("checkpoint/db")).sorted()
    for name in names where name.hasSuffix(".sst") || name == "CURRENT" {
      let file = URL(fileURLWithPath: directory("checkpoint/db/" + name))
      let bytes = try Data(contentsOf: file)
      var damaged = bytes
      damaged[name == "CURRENT" ? 3 : 10] ^= 1
      // Written as a new file: the checkpoint's files are hard links to the store's.
      try FileManager.default.removeItem(at: file)
      try damaged.write(to: file)
      #expect(throws: StoreError.self, "\(name)") { try store.deleteChangelog(coveredBy: directory("checkpoint")) }
      try bytes.write(to: file)
    }
    let file = URL(fileURLWithPath: directory("checkpoint/HEAD"))
    let head = try Data(contentsOf: file)
    try Data("tidemark-head 1\n".utf8).write(to: file)
    _ = storeError(.corrupted) { try store.deleteChangelog(coveredBy: directory("checkpoint")) }
    #expect(try log.offsets().start == .zero)
    try head.write(to: file)
    #expect(try store.deleteChangelog(coveredBy: directory("checkpoint")) > .zero)
    try store.close()
  }

  /// Seen to fail with: a checkpoint whose identity and receipt aren't compared.
  @Test func aCheckpointOfAnotherHistoryIsRefused() throws {
    let log = try log()
    let other = try FileLog.open(directory("other"), TopicPartition("state", 0), options: logOptions)
    do {
      let store = try directory.store(other, .lazy, "another")
      try commit(0..<100, to: store)
      _ = try store.checkpoint(to: directory("foreign"))
      try store.close()
    }
    do {
      let store = try directory.store(log)
      try commit(0..<50, to: store)
      try store.close()
      try directory.copy("store", to: "twin")
      try directory.copy("changelog", to: "fork")
    }
    do {
      let fork = try FileLog.open(directory("fork"), TopicPartition("state", 0), options: logOptions)
      let store = try directory.store(fork, .lazy, "twin")
      try commit(1050..<1100, to: store)
      _ = try store.checkpoint(to: directory("forked"))
      try store.close()
    }
    let store = try directory.store(log)
    try commit(50..<100, to: store)
    for place in ["foreign", "forked"] {
      _ = storeError(.wrongChangelog) { try store.deleteChangelog(coveredBy: directory(place)) }
    }
    #expect(try log.offsets().start == .zero)
    try store.close()
  }

  /// Seen to fail with: a `BASE` that isn't checked: the error blamed the changelog, and a foreign database was left.
  @Test func aBaseOfAnotherChangelogIsNotTaken() throws {
    do {
      let other = try FileLog.open(directory("other"), TopicPartition("state", 0), options: logOptions)
      let store = try directory.store(other, .lazy, "another")
      try commit(0..<100, to: store)
      _ = try store.checkpoint(to: directory("foreign"))
      try store.close()
    }
    let log = try log()
    var store = try directory.store(log)
    try commit(0..<300, to: store)
    let checkpoint = try store.checkpoint(to: directory("checkpoint"))
    #expect(try store.deleteChangelog(coveredBy: checkpoint.directory) > .zero)
    let base = directory("store/BASE")
    let named = try String(contentsOfFile: base, encoding: .utf8)
    try (directory("foreign") + "\n").write(toFile: base, atomically: true, encoding: .utf8)

    let error = storeError(.wrongChangelog) { _ = try store.verify(in: directory("scratch")) }
    #expect(error?.metadata.contains { $0.value == base } == true, "\(error as Any)")
    try store.close()
    _ = try StateStore.setAside(directory("store"))
    let refusal = storeError(.wrongChangelog) { _ = try directory.store(log) }
    #expect(refusal?.metadata.contains { $0.value == base } == true, "\(refusal as Any)")

    try named.write(toFile: base, atomically: true, encoding: .utf8)
    store = try directory.store(log)
    #expect(try store.verify(in: directory("scratch")).agrees)
    try store.close()
  }

  /// Seen to fail with: segments deleted up to the end of the log; a verification that always starts at 0.
  @Test func whatACheckpointCoversCanGoAndTheRestIsEnough() throws {
    let log = try log()
    let store = try directory.store(log)
    try commit(0..<300, to: store)
    let checkpoint = try store.checkpoint(to: directory("checkpoint"))
    try commit(300..<400, to: store)
    let start = try store.deleteChangelog(coveredBy: checkpoint.directory)
    #expect(start > .zero)
    #expect(start <= checkpoint.offset)
    #expect(try log.offsets().start == start)
    #expect(try log.receipt(endingAt: checkpoint.offset) == checkpoint.receipt, "the commit that ends there is kept")
    try commit(400..<450, to: store)

    let report = try store.verify(in: directory("scratch"))
    #expect(report.agrees)
    #expect(report.startOffset == checkpoint.offset)
    #expect(report.records == 2 * 150)
    let expected = try store.snapshot().allBalances()
    try store.close()

    // A store from the checkpoint's copy and the tail is the same.
    let copied = try Checkpoint.verified(checkpoint.directory)
    try copied.copy(to: directory("rebuilt"))
    var steps: [OpenProgress] = []
    let rebuilt = try directory.store(log, .lazy, "rebuilt") { steps.append($0) }
    #expect(steps.last?.startOffset == checkpoint.offset)
    #expect(try rebuilt.snapshot().allBalances() == expected)
    #expect(try rebuilt.snapshot().position == [TopicPartition("input", 0): 450])
    try rebuilt.close()
    #expect(try StoredImage(of: directory("rebuilt")).tables == StoredImage(of: directory("store")).tables)

    // It can't be restored from nothing any more, and the error says so.
    let error = storeError(.wrongChangelog) { _ = try directory.store(log, .lazy, "empty") }
    #expect(error?.message.contains("checkpoint") == true)
  }

  /// Seen to fail with: a database moved aside with nothing in its place, which no open can restore any more.
  @Test func whatIsSetAsideIsRebuiltFromTheCheckpoint() throws {
    let log = try log()
    let store = try directory.store(log)
    try commit(0..<300, to: store)
    let checkpoint = try store.checkpoint(to: directory("checkpoint"))
    try store.deleteChangelog(coveredBy: checkpoint.directory)
    try commit(300..<400, to: store)
    let expected = try store.snapshot().allBalances()
    try store.close()

    let aside = try StateStore.setAside(directory("store"))
    #expect(FileManager.default.fileExists(atPath: aside + "/db/CURRENT"))
    var steps: [OpenProgress] = []
    let rebuilt = try directory.store(log) { steps.append($0) }
    #expect(steps.last?.startOffset == checkpoint.offset)
    #expect(try rebuilt.snapshot().allBalances() == expected)
    #expect(try rebuilt.verify(in: directory("scratch")).agrees)
    try rebuilt.close()

    // Without the checkpoint nothing is moved: there would be nothing to rebuild from.
    try FileManager.default.removeItem(atPath: checkpoint.directory)
    #expect(throws: StoreError.self) { _ = try StateStore.setAside(directory("store")) }
    try directory.store(log).close()
  }

  /// Seen to fail with: deletions up to the checkpoint, even beyond the stored offset.
  @Test func whatTheStoreHasNotStoredIsKept() throws {
    let log = try log()
    do {
      let store = try directory.store(log)
      try commit(0..<100, to: store)
      try store.close()
    }
    try directory.copy("store", to: "older")
    do {
      let store = try directory.store(log)
      try commit(100..<300, to: store)
      _ = try store.checkpoint(to: directory("checkpoint"))
      try store.close()
    }
    do {
      // The older copy has every commit in memory, but fewer in its table files than the checkpoint.
      let store = try directory.store(log, .lazy, "older")
      let stored = try store.info().storedOffset
      let start = try store.deleteChangelog(coveredBy: directory("checkpoint"))
      #expect(start <= stored)
      #expect(try log.receipt(endingAt: stored) != nil)
    }
    let store = try directory.store(log, .lazy, "older")
    #expect(try store.snapshot().position == [TopicPartition("input", 0): 300])
    try store.close()
  }

  /// A store without a changelog deletes its log by itself, except for commits that table files lack.
  ///
  /// Seen to fail with: a tail log that is deleted below the last commit; one that is never deleted.
  @Test func aTailLogKeepsWhatIsNotStored() throws {
    let directory = try TemporaryDirectory(inMemory: true)
    let text = String(repeating: "x", count: 1 << 20)
    func open() throws -> StateStore { try StateStore.open(directory("store"), tables: [orders], options: .lazy) }
    func commit(_ numbers: Range<Int>, to store: StateStore) throws {
      for number in numbers { try store.write { try $0.put(("a", Int64(number)), text, in: orders) } }
    }
    func segments() throws -> [String] {
      try FileManager.default.subpathsOfDirectory(atPath: directory("store/log")).filter { $0.hasSuffix(".log") }
    }
    func rowCount(_ store: StateStore) throws -> Int {
      var cursor = try store.snapshot().scan(orders)
      var count = 0
      while try cursor.withNext({ _, _ in true }) != nil { count += 1 }
      return count
    }
    let first: [String]
    do {
      let store = try open()
      // More than a quarter of a segment, so that the log leaves it as soon as nothing in it is needed.
      try commit(0..<20, to: store)
      let info = try store.info()
      #expect(info.storedOffset < info.committedOffset)
      first = try segments()
      #expect(first.count == 1)
      // Gone without closing: the commits are in the log alone.
    }
    do {
      let store = try open()
      #expect(try rowCount(store) == 20)
      try store.flush()
      try commit(20..<21, to: store)
      try store.flush()
      #expect(try Set(segments()).isDisjoint(with: first), "what is stored is deleted")
      try commit(21..<22, to: store)
    }
    let store = try open()
    #expect(try rowCount(store) == 22)
    try store.close()
  }

  /// Seen to fail with: a verification that always starts at 0.
  @Test func aVerificationWithoutItsCheckpointIsRefused() throws {
    let store = try directory.store(try log())
    try commit(0..<300, to: store)
    let checkpoint = try store.checkpoint(to: directory("checkpoint"))
    try store.deleteChangelog(coveredBy: checkpoint.directory)
    try FileManager.default.removeItem(atPath: checkpoint.directory)
    for place in ["gone", nil] {
      if place == nil { try FileManager.default.removeItem(atPath: directory("store/BASE")) }
      let error = storeError(.invalidArgument) { _ = try store.verify(in: directory("scratch")) }
      #expect(error?.message.contains("checkpoint") == true)
    }
    try store.close()
  }
}
