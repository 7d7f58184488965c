import Foundation
import Testing
import TidemarkTesting

@testable import Tidemark

/// RocksDB's calls to a failing disk, in cases that were seen to damage a database.
@Suite struct FailingDiskTests {
  let directory: TemporaryDirectory
  let disk = Disk()

  init() throws { directory = try TemporaryDirectory() }

  private func open() throws -> StateStore {
    var options = StoreOptions.lazy
    options.fileSystem = disk.fileSystem
    return try directory.store(try directory.log(), options)
  }

  private func commit(_ range: Range<Int>, to store: StateStore) throws {
    try store.write { transaction in
      for number in range { try transaction.put("key\(number)", Int64(number), in: balances) }
    }
  }

  /// Opens the store again, on a disk that works, and checks that every row is there.
  private func check(rows: Int) throws {
    disk.heal()
    let store = try open()
    #expect(try store.snapshot().allBalances().count == rows)
    #expect(try store.verify(in: directory("scratch")).agrees)
    try store.close()
  }

  private var manifest: String {
    get throws {
      String(try String(contentsOfFile: directory("store/db/CURRENT"), encoding: .utf8).dropLast())
    }
  }

  /// RocksDB goes on if it can't remove a table file's first name; the next file of that name must be a new file.
  ///
  /// Seen to fail with: table files that overwrite existing files.
  @Test func aTableFileThatKeptItsFirstNameIsNotWrittenOver() throws {
    let store = try open()
    try commit(0..<100, to: store)
    disk.plan(Disk.Fault(.unlink, count: 3, pathSuffix: "ingest/1.sst"))
    try store.flush()
    #expect(disk.failureCount > 0)
    disk.heal()
    try commit(100..<110, to: store)
    try store.flush()
    #expect(try store.snapshot().allBalances().count == 110)
    try store.close()
    try check(rows: 110)
  }

  /// The MANIFEST's contents after the failure are on the disk all the same.
  ///
  /// The first write sets numbers aside, the second adds files.
  /// Seen to fail with: table files that RocksDB deletes because it takes them for unused.
  @Test(arguments: [Disk.Operation.sync, .write], [1, 2]) func aManifestThatCanNotBeWrittenLosesNoTableFile(
    _ operation: Disk.Operation, _ nth: Int
  ) throws {
    let store = try open()
    try commit(0..<100, to: store)
    disk.plan(Disk.Fault(operation, nth: nth, pathSuffix: try manifest))
    #expect(throws: StoreError.self) { try store.flush() }
    #expect(disk.failureCount == 1)
    try? store.close()
    try check(rows: 100)
  }

  /// A read of a table file on its way into the database counts once two reads agree.
  ///
  /// Seen to fail with: a flipped bit that isn't noticed.
  @Test(arguments: [1, 2, 3, 4], [true, false])
  func aReadOfATableFileThatIsTakenInMayFailOnce(_ nth: Int, _ isFlipped: Bool) throws {
    let store = try open()
    try commit(0..<100, to: store)
    var fault = Disk.Fault(.read, nth: nth, pathSuffix: "ingest/1.sst")
    fault.flipsBit = isFlipped
    disk.plan(fault)
    try store.flush()
    #expect(disk.failureCount == 1)
    try store.close()
    try check(rows: 100)
  }

  /// RocksDB 7.8 treats a file whose first key can't be read as a file without keys, and its rows are lost to reads.
  ///
  /// The first two reads are of the file's index, and RocksDB checks these; the next is of its first key.
  /// Seen to fail with: files that are taken in although a read of them failed.
  @Test(arguments: [1, 3]) func aTableFileWhoseKeysCanNotBeReadIsNotTakenIn(_ nth: Int) throws {
    let store = try open()
    try commit(0..<100, to: store)
    disk.plan(Disk.Fault(.read, nth: nth, count: 4, pathSuffix: "ingest/1.sst"))
    #expect(throws: StoreError.self) { try store.flush() }
    #expect(disk.failureCount == 4)
    try? store.close()
    try check(rows: 100)
  }

  /// A checksum finds the flipped bit, but RocksDB 7.8 goes on all the same.
  ///
  /// Seen to fail with: bounds that aren't checked.
  @Test(arguments: [1, 3]) func aFlippedBitInATableFileThatIsTakenInIsAnError(_ nth: Int) throws {
    let store = try open()
    try commit(0..<100, to: store)
    var fault = Disk.Fault(.read, nth: nth, count: 1000, pathSuffix: "ingest/1.sst")
    fault.flipsBit = true
    disk.plan(fault)
    #expect(throws: StoreError.self) { try store.flush() }
    #expect(disk.failureCount > 1)
    try? store.close()
    disk.heal()
    if nth == 3 {
      // The database has the file: only a comparison with the changelog finds the error.
      let error = storeError(.corrupted) { _ = try open() }
      #expect(error?.message.contains("rebuild") == true)
      _ = try StateStore.setAside(directory("store"))
    }
    try check(rows: 100)
  }
}
