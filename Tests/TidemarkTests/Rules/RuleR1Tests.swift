import Foundation
import Testing
import Tidemark
import TidemarkTesting

/// R1, atomic: table changes, offset, positions and stream time of a commit are visible together and durable together.
@Suite struct RuleR1Tests {
  let directory: TemporaryDirectory
  let input = TopicPartition("input", 0)

  init() throws { directory = try TemporaryDirectory() }

  /// A commit that leaves its number in two tables, in the position and as the stream time.
  func commit(_ number: Int64, to store: StateStore) throws {
    try store.write([input: Offset(number)]) { transaction in
      try transaction.put("last", number, in: balances)
      try transaction.put(("last", 0), "\(number)", in: orders)
      try transaction.put(("padding", number), String(repeating: "x", count: 200), in: orders)
      transaction.advance(streamTime: number)
    }
  }

  /// Seen to fail with: the offsets rows in a batch of their own, after the data's.
  @Test func readersSeeAllOfACommitOrNothing() throws {
    let store = try directory.store(try directory.log())
    try commit(1, to: store)
    let writer = BackgroundCall { for number in 2...1500 { try commit(Int64(number), to: store) } }
    var looks = 0
    while !writer.isDone {
      let view = try store.snapshot()
      let number = try view.get("last", in: balances)
      #expect(try view.get(("last", 0), in: orders) == number.map { "\($0)" })
      #expect(view.position[input]?.value == number)
      #expect(view.streamTime == number)
      // The tables' definitions are one commit of 2 records, each other commit has 3, and every commit a record of its own.
      #expect(view.offset.value == 3 + 4 * (number ?? 0))
      looks += 1
    }
    try writer.wait()
    #expect(looks > 10)
    try store.close()
  }

  /// Flushes happen by themselves here, at any moment; the table files hold the state of one commit.
  ///
  /// Seen to fail with: the offsets rows left out of the batch; the data written without them.
  @Test func tableFilesHoldAllOfACommitOrNothing() throws {
    let log = try directory.log()
    var storedOffsets: Set<Offset> = []
    for round in 0..<6 {
      do {
        let store = try directory.store(log, .tiny)
        for number in 1...Int64(120 + 90 * round) { try commit(Int64(1000 * round) + number, to: store) }
        // Gone without closing, as after a crash.
      }
      let image = try StoredImage(of: directory("store"))
      storedOffsets.insert(image.offset)
      #expect(try image.isReplay(of: log))
    }
    #expect(storedOffsets.count > 2, "the stored offset moves")
  }

  /// Copies the files that a process death would leave, each time RocksDB has written its MANIFEST.
  ///
  /// Seen to fail with: the offset ingested after the data, in a step of its own.
  @Test func everyStepOfAFlushLeavesAllOfACommitOrNothing() throws {
    let copies = Mutex<[String]?>(nil)
    let disk = Disk { [directory] operation, path in
      guard operation == .sync, path.contains("/store/db/MANIFEST-") else { return }
      copies.withLock { copies in
        guard let number = copies?.count else { return }
        let name = "copy\(number)"
        #expect(throws: Never.self) {
          try FileManager.default.createDirectory(atPath: directory(name), withIntermediateDirectories: true)
          try directory.copy("store/db", to: name + "/db")
        }
        copies?.append(name)
      }
    }
    var options = StoreOptions.lazy
    options.fileSystem = disk.fileSystem
    // A compaction would remove files while they are copied.
    options.columnFamilyOptions["disable_auto_compactions"] = "true"
    let log = try directory.log()
    let store = try directory.store(log, options)
    copies.withLock { $0 = [] }
    for round in Int64(0)..<3 {
      for number in 1...10 { try commit(10 * round + Int64(number), to: store) }
      try store.flush()
    }
    let names = try #require(copies.withLock { $0 })
    try store.close()
    var storedOffsets: Set<Offset> = []
    for name in names {
      let image = try StoredImage(of: directory(name))
      storedOffsets.insert(image.offset)
      #expect(try image.isReplay(of: log), "\(name) of \(names.count)")
    }
    #expect(storedOffsets.count >= 3, "the stored offset moves")
  }
}
