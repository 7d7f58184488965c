import Foundation
import TestSupport
import Testing

@testable import Tidemark

/// Directories that get their names once they are whole, and directories in which checkpoints are staged.
@Suite struct StoreDirectoryTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func files(_ name: String = "") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory(name)).sorted()
  }

  /// Makes `made` with one file of these bytes.
  private func make(_ bytes: [UInt8], _ storage: any Storage = POSIXStorage()) throws(StoreError) {
    try StoreDirectory(path: directory("made"), FileSystem(storage: storage)).make { (partial) throws(StoreError) in
      try partial.storage.write(bytes, to: partial.head)
    }
  }

  /// Two calls make a directory at once: the second comes just before the first gives it its name.
  ///
  /// Seen to fail with: a lock that is released before the directory has its name.
  @Test func nobodyTakesADirectoryThatIsAboutToGetItsName() throws {
    let second = Mutex<Result<Void, StoreError>?>(nil)
    let storage = RenameHook { path in
      guard path.hasSuffix(".partial") else { return }
      let result = Result { () throws(StoreError) in try make([2]) }
      second.withLock { $0 = result }
    }
    try make([1], storage)
    guard case .failure(let error) = second.withLock({ $0 }) else {
      Issue.record("the second made it as well")
      return
    }
    #expect(error.kind == .locked, "\(error)")
    #expect(try POSIXStorage().contents(of: directory("made/HEAD")) == [1])
    #expect(try files("made") == ["HEAD"], "the lock is gone")
    #expect(try files() == ["made"])
  }

  /// Seen to fail with: a directory that is filled without another check whether it exists by now.
  @Test func whoComesAfterItWasMadeLeavesNothing() throws {
    let isFirst = Mutex(true)
    let storage = CreateHook { path in
      // Between the first check and the lock.
      let makes =
        path.hasSuffix(".partial")
        && isFirst.withLock { isFirst in
          defer { isFirst = false }
          return isFirst
        }
      if makes { try? make([1]) }
    }
    _ = storeError(.invalidArgument) { try make([2], storage) }
    #expect(try POSIXStorage().contents(of: directory("made/HEAD")) == [1])
    #expect(try files() == ["made"])
  }

  // MARK: Staging

  private func open() throws -> StateStore { try directory.store(try directory.log()) }

  private func stagings() throws -> [String] { try files("store").filter { $0.hasSuffix(".partial") } }

  /// Leaves the files of a process that was killed while it copied a checkpoint to another file system.
  private func leaveStaging(_ name: String, hasLock: Bool) throws {
    try FileManager.default.createDirectory(atPath: directory("store/\(name)/db"), withIntermediateDirectories: true)
    for file in ["db/000007.sst", "HEAD"] + (hasLock ? ["LOCK"] : []) {
      try Data("4711".utf8).write(to: URL(fileURLWithPath: directory("store/\(name)/\(file)")))
    }
  }

  /// Seen to fail with: one name for all staged checkpoints.
  @Test func checkpointsForAnotherFileSystemAreTakenAtOnce() throws {
    let elsewhere = otherFileSystem + "/tidemark-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: elsewhere) }
    let store = try open()
    for number in 0..<100 { try store.write { try $0.put("key\(number)", Int64(number), in: balances) } }
    let count = 4
    DispatchQueue.concurrentPerform(iterations: count) { number in
      do {
        for round in 0..<3 {
          let checkpoint = try store.checkpoint(to: "\(elsewhere)/\(number)-\(round)")
          #expect(try Checkpoint.verified(checkpoint.directory).offset == checkpoint.offset)
        }
      } catch { Issue.record(error) }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: elsewhere).count == 3 * count)
    #expect(try stagings() == [])
    let offset = try store.snapshot().offset
    try store.close()
    let copied = try Checkpoint.verified("\(elsewhere)/0-0")
    #expect(copied.offset == offset)
    try copied.copy(to: directory("copy"))
    let copy = try directory.store(try directory.log(), .lazy, "copy")
    #expect(try copy.snapshot().allBalances().count == 100)
    try copy.close()
  }

  /// Seen to fail with: staging directories under names that nobody looks for.
  @Test func whatACrashLeftStagedGoesWithTheNextOpen() throws {
    try open().close()
    let names = ["checkpoint-1.partial", "checkpoint-2.partial", "checkpoint.partial"]
    for (index, name) in names.enumerated() { try leaveStaging(name, hasLock: index == 0) }
    #expect(try stagings() == names)
    let store = try open()
    #expect(try stagings() == [])
    try store.close()
  }

  /// Seen to fail with: staging directories that nobody looks for; all of them removed, even if their locks are held.
  @Test func aCheckpointRemovesWhatIsStagedForNobody() throws {
    let elsewhere = otherFileSystem + "/tidemark-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: elsewhere) }
    let store = try open()
    try leaveStaging("checkpoint-dead.partial", hasLock: true)
    do {
      let (staging, lock) = try store.opened().directory.makeStaging()
      _ = try store.checkpoint(to: elsewhere + "/1")
      #expect(try stagings() == [String(staging.path.split(separator: "/").last!)])
      withExtendedLifetime(lock) {}
    }
    _ = try store.checkpoint(to: elsewhere + "/2")
    #expect(try stagings() == [])
    try store.close()
  }

  /// A file that stays behind at each open makes each open slower than the last.
  ///
  /// Seen to fail with: logs of RocksDB that nobody removes.
  @Test func opensLeaveNoLogsBehind() throws {
    let directory = try TemporaryDirectory()
    for number in 0..<12 {
      let store = try StateStore.open(directory("store"), tables: [balances])
      try store.write { try $0.put("key", Int64(number), in: balances) }
      try store.close()
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: directory("store/db"))
    let logs = names.filter { $0.hasSuffix(".log") }
    // The log of the last open.
    #expect(logs.count == 1, "\(logs)")
  }

  /// RocksDB never merges table files whose keys don't overlap, and each open reads a little of each file.
  ///
  /// Seen to fail with: small table files that nobody merges.
  @Test func opensLeaveFewTableFilesBehind() throws {
    let directory = try TemporaryDirectory()
    var rows: [String: Int64] = [:]
    for number in 100..<160 {
      let store = try StateStore.open(directory("store"), tables: [balances])
      #expect(try store.snapshot().allBalances() == rows)
      rows["key\(number)"] = Int64(number)
      try store.write { try $0.put("key\(number)", Int64(number), in: balances) }
      try store.close()
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: directory("store/db"))
    let tableFiles = names.filter { $0.hasSuffix(".sst") }
    #expect(tableFiles.count < 20, "\(tableFiles)")
  }
}

/// The operating system's files, with a call before each rename.
private struct RenameHook: ForwardingStorage {
  let willRename: @Sendable (String) -> Void

  func rename(_ path: String, to target: String) throws(StoreError) {
    willRename(path)
    try base.rename(path, to: target)
  }
}

/// The operating system's files, with a call before each directory is made.
private struct CreateHook: ForwardingStorage {
  let willCreate: @Sendable (String) -> Void

  func createDirectory(_ path: String) throws(StoreError) -> Bool {
    willCreate(path)
    return try base.createDirectory(path)
  }
}
