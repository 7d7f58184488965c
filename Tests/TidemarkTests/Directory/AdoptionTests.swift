import Changelog
import Foundation
import Testing
import TidemarkTesting

@testable import Tidemark

/// Stores of version 0.1 without a changelog, which are given a tail log at their first open.
@Suite struct AdoptionTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// Makes an empty store as version 0.1 had it: no identity, no tail, no log.
  private func makeEmptyStore() throws {
    try StateStore.open(directory("store"), tables: []).close()
    let files = StoreDirectory(path: directory("store"))
    let database = try SharedDatabase(
      try files.openDatabase(files.databaseOptions(StoreOptions()), "it can't be opened"))
    let state = try #require(try database.state())
    #expect(state.offset == .zero)
    var rows = OffsetsRows()
    rows.set(OffsetsFamily.identityKey) { _ in }
    rows.delete(OffsetsFamily.tailKey)
    rows.set(
      CommittedState(offset: .zero, receipt: Receipt(4711)), offsetKey: OffsetsFamily.offsetKey(TailLog.partition))
    try rows.install(in: database, by: files)
    var head: Head?
    try Head.write(database, files, over: &head)
    try FileManager.default.removeItem(atPath: directory("store/log"))
  }

  /// The adoption is cut once at each disk call that changes `HEAD`.
  ///
  /// Seen to fail with: a `HEAD` that names the former receipt until the rows are written.
  @Test(arguments: 1...3) func anAdoptionThatACrashInterruptsIsBegunAgain(_ nth: Int) throws {
    try makeEmptyStore()
    let failing = Disk(syncs: false)
    failing.plan(Disk.Fault(.rename, nth: nth, count: .max / 2, pathSuffix: "HEAD"))
    failing.plan(Disk.Fault(.rename, nth: nth, count: .max / 2, pathSuffix: "HEAD.tmp"))
    var options = StoreOptions()
    options.fileSystem = failing.fileSystem
    try? StateStore.open(directory("store"), tables: [balances], options: options).close()
    let store = try StateStore.open(directory("store"), tables: [balances])
    try store.write { try $0.put("a", 1, in: balances) }
    try store.close()
    let next = try StateStore.open(directory("store"), tables: [balances])
    #expect(try next.snapshot().allBalances() == ["a": 1])
    try next.close()
  }
}
