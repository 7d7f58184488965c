import Foundation
import Testing
import TidemarkTesting

@testable import Changelog
@testable import Tidemark

/// What SECURITY.md promises of files and names.
@Suite struct SecurityTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// All files below the directory, and the directories themselves.
  private func everything() throws -> [String] {
    let names = try #require(FileManager.default.enumerator(atPath: directory.path))
    return names.compactMap { ($0 as? String).map { directory($0) } }.sorted()
  }

  private func kind(_ path: String) throws -> FileAttributeType? {
    try FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
  }

  /// A closed store with table files, a checkpoint of it, and a changelog of several segments.
  private func fill() throws {
    let log = try directory.log()
    let store = try directory.store(log)
    for number in Int64(0)..<50 {
      try store.write { transaction in
        try transaction.put("key\(number)", number, in: balances)
        try transaction.put(("a", number), String(repeating: "v", count: 100), in: orders)
      }
    }
    try store.flush()
    _ = try store.checkpoint(to: directory("checkpoint"))
    try store.write { try $0.put("more", 1, in: balances) }
    try store.close()
  }

  /// Seen to fail with: RocksDB's files as the umask has them; its text log alone so.
  @Test func filesAreTheirOwnersAlone() throws {
    try fill()
    let paths = try everything()
    for name in ["store/HEAD", "store/db/CURRENT", "store/db/LOG", "store/db/LOCK", "store/db/IDENTITY"] {
      #expect(paths.contains(directory(name)))
    }
    #expect(paths.contains { $0.hasSuffix(".sst") } && paths.contains { $0.contains("/db/OPTIONS-") })
    for path in paths {
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      let mode = try #require(attributes[.posixPermissions] as? NSNumber).uint16Value
      #expect(mode == (attributes[.type] as? FileAttributeType == .typeDirectory ? 0o700 : 0o600), "\(path)")
    }
  }

  /// Whoever puts a link in the place of a file has nothing read, nor written over, elsewhere.
  ///
  /// Seen to fail with: RocksDB's file system without the check; the changelog's without `O_NOFOLLOW`.
  @Test func symbolicLinksInThePlaceOfFilesAreRefused() throws {
    try fill()
    let outside = directory("outside")
    var refused: [String] = []
    for path in try everything() where try kind(path) == .typeRegular && !path.hasPrefix(directory("checkpoint")) {
      let contents = try Data(contentsOf: URL(fileURLWithPath: path))
      try directory.copy("store", to: "kept")
      try directory.copy("changelog", to: "kept-changelog")
      try FileManager.default.moveItem(atPath: path, toPath: outside)
      try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: outside)
      do {
        let store = try directory.store(try directory.log())
        #expect(try store.snapshot().allBalances().count == 51, "\(path)")
        try store.write { try $0.put("key0", 0, in: balances) }
        try store.close()
      } catch let error as StoreError {
        #expect("\(error)".contains("symbolic link"), "\(path): \(error)")
        refused.append(String(path.dropFirst(directory.path.count)))
      }
      #expect(try Data(contentsOf: URL(fileURLWithPath: outside)) == contents, "\(path) was followed")
      try FileManager.default.removeItem(atPath: outside)
      for (kept, name) in [("kept", "store"), ("kept-changelog", "changelog")] {
        try FileManager.default.removeItem(atPath: directory(name))
        try FileManager.default.moveItem(atPath: directory(kept), toPath: directory(name))
      }
    }
    for part in ["/HEAD", "/CURRENT", "/db/MANIFEST-", ".sst", ".log", "/store/LOCK", "/db/LOCK"] {
      #expect(refused.contains { $0.contains(part) }, "\(part): \(refused)")
    }
    #expect(try directory.store(try directory.log()).snapshot().allBalances().count == 51)
  }

  /// Seen to fail with: names that are taken as they come.
  @Test(arguments: ["", ".", "..", "../../etc/passwd", "a/b", "a\u{1B}[2J", String(repeating: "n", count: 101)])
  func aNameFromAChangelogIsOneThatATableCanHave(_ name: String) throws {
    var value = ByteBuffer()
    TableRecord(id: TableID(1), name: name, keyFormat: "string", valueFormat: "int64").encodeValue(into: &value)
    _ = storeError(.corrupted) { _ = try TableRecord(id: TableID(1), value: value.bytes) }
  }
}
