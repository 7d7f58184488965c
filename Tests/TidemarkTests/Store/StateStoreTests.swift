import Foundation
import Testing
import Tidemark

@Suite struct StateStoreTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  func open(_ options: StoreOptions = StoreOptions()) throws -> StateStore {
    try StateStore.open(
      directory("store"), tables: [balances, orders], changelog: try directory.log(), options: options)
  }

  @Test func commitsSurviveWithTheirPositions() throws {
    let orders0 = TopicPartition("orders", 0)
    do {
      let store = try open()
      try store.write([orders0: 7]) { transaction in
        try transaction.put("anna", 10, in: balances)
        try transaction.put(("anna", 1), "tea", in: orders)
        transaction.advance(streamTime: 1000)
      }
      try store.close()
    }
    let store = try open()
    let view = try store.snapshot()
    #expect(try view.get("anna", in: balances) == 10)
    #expect(try view.get(("anna", 1), in: orders) == "tea")
    #expect(view.position == [orders0: 7])
    #expect(view.streamTime == 1000)
    try store.close()
  }

  @Test func whatWasNeverFlushedIsRestoredFromTheChangelog() throws {
    do {
      let store = try open()
      for n in 0..<100 { try store.write { try $0.put("key\(n)", Int64(n), in: balances) } }
      // Gone without closing: as after SIGKILL, memtables are lost.
    }
    var steps: [OpenProgress] = []
    let store = try StateStore.open(
      directory("store"), tables: [balances, orders], changelog: try directory.log()
    ) { steps.append($0) }
    #expect(steps.last?.phase == .ready)
    #expect(steps.last?.records == 102)
    let view = try store.snapshot()
    var cursor = try view.scan(balances)
    var count = 0
    while let row = try cursor.next() {
      #expect(row.key == "key\(row.value)")
      count += 1
    }
    #expect(count == 100)
    #expect(try store.verify(in: directory("scratch")).agrees)
  }

  @Test func aStoreThatIsKilledAgainAndAgainDoesNotReplayMoreEachTime() throws {
    // Seen to fail with: restored bytes not counted as bytes that lag.
    var options = StoreOptions()
    options.storedLagBytes = 20_000
    options.storedLagTime = .seconds(3600)
    var replayed: [Int] = []
    for life in 0..<10 {
      let store = try StateStore.open(
        directory("store"), tables: [balances, orders], changelog: try directory.log(), options: options
      ) { if $0.phase == .ready { replayed.append($0.bytes) } }
      // Less than the bound in each life, several times as much in all.
      for n in 0..<200 { try store.write { try $0.put("key\(life) \(n)", 1, in: balances) } }
    }
    #expect(replayed.max()! < 80_000, "\(replayed)")
  }

  @Test func aCheckpointOnAnotherFileSystemIsCopied() throws {
    let elsewhere = otherFileSystem + "/tidemark-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: elsewhere) }
    let store = try open()
    try store.write { try $0.put("a", 1, in: balances) }
    let checkpoint = try store.checkpoint(to: elsewhere + "/checkpoint")
    #expect(checkpoint.offset == (try store.snapshot().offset))
    #expect(try FileManager.default.contentsOfDirectory(atPath: elsewhere) == ["checkpoint"])
    let staged = try FileManager.default.contentsOfDirectory(atPath: directory("store"))
    #expect(!staged.contains { $0.hasSuffix(".partial") })
    try checkpoint.copy(to: directory("copy"))
    try store.write { try $0.put("b", 2, in: balances) }
    try store.close()
    let copy = try StateStore.open(directory("copy"), tables: [balances, orders], changelog: try directory.log())
    #expect(try copy.snapshot().multiGet(["a", "b"], in: balances) == [1, 2])
  }

  /// Seen to fail with: files taken for the same by name; files that aren't looked for in the other checkpoints.
  @Test func aLaterCheckpointOnAnotherFileSystemCopiesWhatIsNew() throws {
    let elsewhere = otherFileSystem + "/tidemark-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: elsewhere) }
    func files(_ name: String) throws -> [String: Int] {
      var files: [String: Int] = [:]
      for file in try FileManager.default.contentsOfDirectory(atPath: "\(elsewhere)/\(name)/db")
      where file.hasSuffix(".sst") {
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(elsewhere)/\(name)/db/\(file)")
        files[file] = (attributes[.systemFileNumber] as? NSNumber)?.intValue
      }
      return files
    }
    let store = try open()
    for key in 0..<1000 { try store.write { try $0.put("a\(key)", 1, in: balances) } }
    _ = try store.checkpoint(to: elsewhere + "/1")
    try store.write { try $0.put("b", 2, in: balances) }
    _ = try store.checkpoint(to: elsewhere + "/2", sharingFilesOf: [elsewhere + "/none", elsewhere + "/1"])
    let (first, second) = (try files("1"), try files("2"))
    // Compactions may have replaced some files.
    let kept = first.filter { second[$0.key] != nil }
    #expect(!kept.isEmpty && kept.allSatisfy { second[$0.key] == $0.value }, "\(first) \(second)")
    #expect(second.contains { first[$0.key] == nil })
    // A changed file isn't shared; the new checkpoint doesn't need the others.
    let damaged = try #require(kept.keys.sorted().first)
    let path = "\(elsewhere)/2/db/\(damaged)"
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    try FileManager.default.removeItem(atPath: path)
    try (bytes.dropLast() + [bytes.last! ^ 1]).write(to: URL(fileURLWithPath: path))
    try FileManager.default.removeItem(atPath: elsewhere + "/1")
    let third = try store.checkpoint(to: elsewhere + "/3", sharingFilesOf: [elsewhere + "/2"])
    let shared = try files("3").filter { second[$0.key] == $0.value }
    #expect(!shared.isEmpty && shared[damaged] == nil)
    try FileManager.default.removeItem(atPath: elsewhere + "/2")
    #expect(try Checkpoint.verified(elsewhere + "/3").offset == third.offset)
    // Another store's files don't matter.
    let other = try StateStore.open(directory("other"), tables: [balances, orders], changelog: nil)
    try other.write { try $0.put("a", 1, in: balances) }
    _ = try other.checkpoint(to: elsewhere + "/4", sharingFilesOf: [elsewhere + "/3"])
    #expect(Set(try files("4").values).isDisjoint(with: try files("3").values))
    try other.close()
    try store.close()
  }

  @Test func verifyLooksAtTablesThatWereNotDeclared() throws {
    do {
      let store = try open()
      try store.write { try $0.put("a", 1, in: balances) }
      try store.close()
    }
    let store = try StateStore.open(directory("store"), tables: [orders], changelog: try directory.log())
    let report = try store.verify(in: directory("scratch"))
    #expect(report.agrees)
    // Seen to fail with: only declared tables compared.
    #expect(report.rows == 1)
  }

  /// Seen to fail with: an existing directory that is taken for a store.
  @Test(arguments: [true, false]) func anEmptyDirectoryBecomesNoStoreUnlessThatIsWanted(_ hasChangelog: Bool) throws {
    try FileManager.default.createDirectory(atPath: directory("store"), withIntermediateDirectories: true)
    var options = StoreOptions()
    options.createIfMissing = false
    let log = hasChangelog ? try directory.log() : nil
    for name in ["store", "none"] {
      _ = storeError(.invalidArgument) {
        _ = try StateStore.open(directory(name), tables: [balances], changelog: log, options: options)
      }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory("store")) == [])
    #expect(!FileManager.default.fileExists(atPath: directory("none")))
    try StateStore.open(directory("store"), tables: [balances], changelog: log).close()
    try StateStore.open(directory("store"), tables: [balances], changelog: log, options: options).close()
  }

  @Test func aTransactionReadsItsOwnWrites() throws {
    let store = try open()
    try store.write { transaction in
      for name in ["a", "b", "c", "d"] { try transaction.put(name, 1, in: balances) }
    }
    var transaction = try store.begin()
    try transaction.delete("b", in: balances)
    try transaction.put("bb", 2, in: balances)
    try transaction.update("c", in: balances) { $0 = ($0 ?? 0) + 41 }
    #expect(try transaction.get("b", in: balances) == nil)
    #expect(try transaction.putIfAbsent("a", 9, in: balances) == false)
    #expect(try transaction.putIfAbsent("e", 9, in: balances))
    func keys(_ range: ScanRange<StringCodec>, _ order: ScanOrder) throws -> [String] {
      var cursor = try transaction.scan(balances, range, order)
      var keys: [String] = []
      while let row = try cursor.next() { keys.append("\(row.key)\(row.value)") }
      return keys
    }
    #expect(try keys(.all, .ascending) == ["a1", "bb2", "c42", "d1", "e9"])
    #expect(try keys(.between("b", "d"), .descending) == ["c42", "bb2"])
    #expect(try keys(.prefix("b"), .descending) == ["bb2"])
    #expect(try store.snapshot().get("bb", in: balances) == nil)
    try transaction.commit()
    #expect(try store.snapshot().get("bb", in: balances) == 2)
  }
}
