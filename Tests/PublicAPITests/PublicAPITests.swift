import Foundation
import Testing
import Tidemark
import TidemarkTesting

let totals = Table("totals", key: .string, value: .int64)
let input = TopicPartition("input", 0)

/// A directory of a test's own; removed with the value.
final class Directory: Sendable {
  let path = NSTemporaryDirectory() + "public-" + UUID().uuidString
  init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(atPath: path) }
  func callAsFunction(_ name: String) -> String { path + "/" + name }
}

/// Uses of the public products alone: write a changelog, check it, and run a store on it.
@Suite struct PublicAPITests {
  let directory: Directory

  init() throws { directory = try Directory() }

  @Test func aChangelogOfOnesOwnKeepsThePromises() throws {
    try checkSingleFileChangelog(in: directory.path)
  }

  /// Kills the store by dropping it, restores it from the changelog alone, and goes back to an earlier commit.
  @Test func aStoreLivesOnIt() throws {
    let path = directory("changelog")
    var offsets: [Offset] = []
    do {
      let store = try StateStore.open(directory("store"), tables: [totals], changelog: SingleFileChangelog(path))
      for number in 0..<50 {
        try store.write([input: Offset(Int64(number) + 1)]) { transaction in
          try transaction.update("all", in: totals) { $0 = ($0 ?? 0) + Int64(number) }
          try transaction.put("key \(number % 7)", Int64(number), in: totals)
        }
        offsets.append(try store.snapshot().offset)
      }
    }
    // A process that died in the middle of an append.
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    try file.seekToEnd()
    try file.write(contentsOf: Data([0, 0, 0, 90, 1, 2, 3]))
    try file.close()
    for name in ["store", "another"] {
      let log = try SingleFileChangelog(path)
      let store = try StateStore.open(directory(name), tables: [totals], changelog: log)
      let view = try store.snapshot()
      #expect(try view.get("all", in: totals) == 1225)
      #expect(try view.get("key 0", in: totals) == 49)
      #expect(view.position == [input: 50])
      #expect(try store.verify(in: directory("scratch")).agrees)
      try store.close()
    }
    let past = try StateStore.restore(
      to: directory("past"), from: SingleFileChangelog(path), upTo: .offset(offsets[9]))
    #expect(past.offset == offsets[9])
    let error = #expect(throws: StoreError.self) {
      let other = try SingleFileChangelog(directory("other"))
      _ = try StateStore.open(directory("store"), tables: [totals], changelog: other)
    }
    #expect(error?.kind == .wrongChangelog)
  }

  /// The tables that a commit defines, and its changes, can be read by others.
  @Test func itsTablesCanBeRead() throws {
    let log = try SingleFileChangelog(directory("changelog"))
    let store = try StateStore.open(directory("store"), tables: [totals], changelog: log)
    try store.write { try $0.put("anna", 7, in: totals) }
    let commits = try log.commits()
    try store.close()
    var tables: [TableDescriptor] = []
    var changes: [String: Int64] = [:]
    var receipt = Receipt(startOf: log.identity)
    try log.read(from: 0, to: nil) { (commit) throws(StoreError) in
      #expect(receipt.followed(by: commit) == commit.receipt)
      receipt = commit.receipt
      try commit.records.forEach { (table, key, value) throws(StoreError) in
        guard let value else { return }
        if table == .system { return tables.append(try TableDescriptor(key: key, value: value)) }
        changes[try totals.key.decode(key)] = try totals.value.decode(value)
      }
      return .next
    }
    #expect(tables.map(\.name) == ["totals"])
    #expect(changes == ["anna": 7])
    #expect(commits.last?.receipt == receipt)
    let copy = try FileLog.open(directory.path, TopicPartition("copy", 0))
    let writer = try copy.openWriter()
    try log.copy(into: writer)
    #expect(try copy.commits().map(\.recordCount) == commits.map(\.recordCount))
    try writer.close()
  }

  /// Snapshots, readers and transactions can be read by the same function.
  @Test func aFunctionReadsAnyView() throws {
    func sum(_ view: borrowing some ReadableView & ~Copyable) throws(StoreError) -> Int64 {
      var rows = try view.scan(totals)
      var sum: Int64 = 0
      while let row = try rows.next() { sum += row.value }
      let anna = try view.get("anna", in: totals)
      #expect(try view.multiGet(["anna", "nobody"], in: totals) == [anna, nil])
      #expect(try view.last(in: totals, through: "b")?.value == anna)
      #expect(try view.contains("anna", in: totals) == (anna != nil))
      return sum
    }
    let store = try StateStore.open(
      directory("store"), tables: [totals], changelog: SingleFileChangelog(directory("changelog")))
    try store.write { transaction in
      try transaction.put("anna", 7, in: totals)
      #expect(try sum(transaction) == 7)
    }
    #expect(try sum(store.snapshot()) == 7)
    #expect(try sum(store.reader()) == 7)
  }

  @Test func onlyProductsAreImported() throws {
    let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let files = try FileManager.default.contentsOfDirectory(at: here, includingPropertiesForKeys: nil)
    let known: Set<Substring> = ["Foundation", "Synchronization", "Testing", "Tidemark", "TidemarkTesting"]
    for file in files {
      let text = try String(contentsOf: file, encoding: .utf8)
      for match in text.matches(of: /(?m)^(?:@\w+ )?(?:\w+ )?import (?:\w+ )?(\w+)/) {
        #expect(known.contains(match.output.1), "\(file.lastPathComponent) imports \(match.output.1)")
      }
    }
  }
}
