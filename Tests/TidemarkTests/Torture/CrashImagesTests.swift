import Changelog
import Foundation
import Testing
import Tidemark
import TidemarkTesting

/// The bytes that crash images keep and lose: proofs of crash safety rest on this model.
@Suite struct CrashImagesTests {
  let directory: TemporaryDirectory
  private let root: String
  private let disk: Disk

  init() throws {
    directory = try TemporaryDirectory()
    root = directory("disk")
    try POSIXStorage().makeDirectory(root)
    disk = Disk(recording: root, syncs: false)
  }

  /// The contents of the files below the directory after a crash at the end, by path; `nil` stands for a directory.
  private func contents(_ loss: CrashImages.Loss) throws -> [String: [UInt8]?] {
    var images = CrashImages(disk.trace)
    while images.advance() {}
    _ = try images.image(loss).write(to: directory("image"), inPlaceOf: [root])
    var contents: [String: [UInt8]?] = [:]
    for path in try FileManager.default.subpathsOfDirectory(atPath: directory("image")) {
      let isDirectory = try POSIXStorage().kind(of: directory("image/" + path)) == .directory
      contents[path] = isDirectory ? .some(nil) : try POSIXStorage().contents(of: directory("image/" + path))
    }
    return contents
  }

  private func write(_ bytes: [UInt8], to name: String, syncs: Bool = false) throws {
    let file = try #require(try disk.storage.open(root + "/" + name, .openOrCreate))
    try file.writeAll(bytes.rawSpan, at: 0)
    if syncs { try file.sync() }
  }

  @Test func whatWasNotSyncedIsLostWithThePowerAlone() throws {
    try write([1, 2, 3], to: "a", syncs: true)
    try disk.storage.syncDirectory(root)
    try write([4, 5, 6], to: "a")
    try write([7], to: "b", syncs: true)
    #expect(try contents(.nothing) == ["a": [4, 5, 6], "b": [7]])
    #expect(try contents(.everything) == ["a": [1, 2, 3]])
  }

  @Test func aNameThatWasRemovedComesBackUnlessItsDirectoryWasSynced() throws {
    try write([1], to: "a", syncs: true)
    try disk.storage.syncDirectory(root)
    _ = try disk.storage.link(root + "/a", as: root + "/b")
    try disk.storage.unlink(root + "/a")
    #expect(try contents(.everything) == ["a": [1]])
    try disk.storage.syncDirectory(root)
    #expect(try contents(.everything) == ["b": [1]])
  }

  @Test func aRenameIsThereAsAWholeOrNot() throws {
    for name in ["from", "to"] {
      _ = try disk.storage.createDirectory(root + "/" + name)
      try write([1], to: name + "/a", syncs: true)
      try disk.storage.syncDirectory(root + "/" + name)
    }
    try disk.storage.syncDirectory(root)
    try write([2], to: "from/new", syncs: true)
    try disk.storage.syncDirectory(root + "/from")
    try disk.storage.rename(root + "/from/new", to: root + "/to/a")
    var seen: Set<Bool> = []
    for seed in 0..<40 {
      let files = try contents(.some(seed: UInt64(seed)))
      let isRenamed = files["to/a"] == [2]
      seen.insert(isRenamed)
      #expect(isRenamed || files["to/a"] == [1])
      #expect((files["from/new"] == [2]) == !isRenamed)
    }
    #expect(seen.count == 2)
    // Syncing one of the two directories is enough for both.
    try disk.storage.syncDirectory(root + "/to")
    #expect(try contents(.everything)["to/a"] == [2])
    #expect(try contents(.everything)["from/new"] == nil)
  }

  @Test func whatIsTornHasSectorsThatWereWrittenAndZeros() throws {
    try write(Array(repeating: 1, count: 1000), to: "a", syncs: true)
    try disk.storage.syncDirectory(root)
    let file = try #require(try disk.storage.open(root + "/a", .readWrite))
    try file.writeAll([UInt8](repeating: 2, count: 4000).rawSpan, at: 1000)
    var lengths: Set<Int> = []
    var hasZeros = false
    for seed in 0..<60 {
      let bytes = try #require(try contents(.some(seed: UInt64(seed)))["a"] ?? nil)
      lengths.insert(bytes.count)
      #expect(bytes.prefix(1000).allSatisfy { $0 == 1 })
      #expect(bytes.dropFirst(1000).allSatisfy { $0 == 2 || $0 == 0 })
      hasZeros = hasZeros || bytes.contains(0)
    }
    #expect(lengths.count > 4 && lengths.contains(1000) && lengths.contains(5000) && hasZeros)
  }

  @Test func aTraceLeadsToWhatIsOnTheDisk() throws {
    let options = FileLogOptions(segmentBytes: 3000)
    let log = try FileLog.open(root, TopicPartition("state", 0), options: options, storage: disk.storage)
    var store = StoreOptions.lazy
    store.fileSystem = disk.fileSystem
    let opened = try directory.store(log, store, "disk/store")
    for number in 0..<50 { try opened.write { try $0.put("key\(number)", 1, in: balances) } }
    try opened.flush()
    _ = try opened.checkpoint(to: root + "/checkpoint")
    try opened.close()
    var images = CrashImages(disk.trace)
    while images.advance() {}
    #expect(images.image(.nothing).listing == (try DiskImage(of: root)).listing)
    #expect(images.image(.nothing).fingerprint == (try DiskImage(of: root)).fingerprint)
  }
}
