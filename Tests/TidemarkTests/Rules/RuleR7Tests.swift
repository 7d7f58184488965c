import Foundation
import Testing
import Tidemark
import TidemarkTesting

/// R7, no silent repair, as the store shows it; the file log's own tests cover every byte.
@Suite struct RuleR7Tests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func segments() throws -> [String] {
    let log = directory("changelog/state-0")
    return try FileManager.default.contentsOfDirectory(atPath: log).filter { $0.hasSuffix(".log") }.sorted()
      .map { log + "/" + $0 }
  }

  private func commit(_ keys: Range<Int>, to store: StateStore) throws {
    for number in keys { try store.write { try $0.put("key\(number)", Int64(number), in: balances) } }
  }

  /// Seen to fail with: recovery that cuts the log wherever a batch is bad.
  @Test func damageBelowTheDurableOffsetIsAnErrorThatChangesNothing() throws {
    do {
      let store = try directory.store(try directory.log())
      try commit(0..<50, to: store)
      try store.flush()
      try commit(50..<60, to: store)
    }
    let durableBytes = try Data(contentsOf: URL(fileURLWithPath: try #require(try segments().first))).count
    // Opening the store a second time makes these bytes durable.
    do {
      let store = try directory.store(try directory.log())
      try commit(60..<70, to: store)
    }
    let segment = try #require(try segments().first)
    var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: segment)))
    bytes[durableBytes - 20] ^= 4
    try Data(bytes).write(to: URL(fileURLWithPath: segment))
    let (files, stored) = try (segments(), StoredImage(of: directory("store")).offset)
    let error = storeError(.corrupted) { _ = try directory.store(try directory.log()) }
    #expect(error?.metadata.first { $0.name == "file" }?.value == segment)
    #expect(error?.metadata.contains { $0.name == "offset" } == true)
    #expect(try segments() == files)
    #expect(try Data(contentsOf: URL(fileURLWithPath: segment)) == Data(bytes))
    #expect(try StoredImage(of: directory("store")).offset == stored)
    // With the damage undone, every commit is there.
    bytes[durableBytes - 20] ^= 4
    try Data(bytes).write(to: URL(fileURLWithPath: segment))
    let store = try directory.store(try directory.log())
    #expect(try store.snapshot().allBalances().count == 70)
  }

  /// A commit torn by power loss was never known to be durable: the log is cut there and reports it.
  ///
  /// Seen to fail with: a recovery that reports nothing.
  @Test func aTornEndIsCutAndReported() throws {
    do {
      let store = try directory.store(try directory.log())
      try commit(0..<30, to: store)
    }
    let segment = try #require(try segments().last)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: segment))
    try bytes.dropLast(5).write(to: URL(fileURLWithPath: segment))
    let log = try directory.log()
    let store = try directory.store(log)
    let recovery = try #require(log.lastRecovery)
    #expect(recovery.cutBytes > 0)
    #expect(recovery.reason != nil)
    #expect(try store.snapshot().allBalances().count == 29)
    #expect(try store.verify(in: directory("scratch")).agrees)
  }

  /// Seen to fail with: a database that is removed instead of moved.
  @Test func aRebuildHappensWhenAskedForAndKeepsTheDamagedDatabase() throws {
    let log = try directory.log()
    do {
      let store = try directory.store(log)
      try commit(0..<40, to: store)
      try store.close()
    }
    let manager = FileManager.default
    let tables = try manager.contentsOfDirectory(atPath: directory("store/db")).filter { $0.hasSuffix(".sst") }
    try Data("MANIFEST-000000\n".utf8).write(to: URL(fileURLWithPath: directory("store/db/CURRENT")))
    for _ in 0..<2 { _ = storeError(.corrupted) { _ = try directory.store(log) } }
    let aside = try StateStore.setAside(directory("store"))
    #expect(aside == directory("store/damaged-1"))
    #expect(try Set(tables).isSubset(of: manager.contentsOfDirectory(atPath: aside + "/db")))
    #expect(manager.fileExists(atPath: aside + "/HEAD"))
    var steps: [OpenProgress] = []
    let store = try directory.store(log) { steps.append($0) }
    #expect(steps.last?.startOffset == .zero)
    #expect(try store.snapshot().allBalances().count == 40)
    _ = storeError(.locked) { _ = try StateStore.setAside(directory("store")) }
    try store.close()
    #expect(try Set(tables).isSubset(of: manager.contentsOfDirectory(atPath: aside + "/db")))
  }
}
