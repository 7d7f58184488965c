import Foundation
import InMemoryLogging
import Testing
import TidemarkTesting

@testable import Changelog
@testable import Tidemark

/// SECURITY.md's promises about files and names.
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

  /// Seen to fail with: RocksDB's files, or its text log alone, with the permissions that the umask leaves.
  @Test func filesAreTheirOwnersAlone() throws {
    try fill()
    let paths = try everything()
    for name in ["store/HEAD", "store/db/CURRENT", "store/db/LOG", "store/db/LOCK", "store/db/IDENTITY"] {
      #expect(paths.contains(directory(name)))
    }
    #expect(paths.contains { $0.hasSuffix(".sst") } && paths.contains { $0.contains("/db/MANIFEST-") })
    for path in paths {
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      let mode = try #require(attributes[.posixPermissions] as? NSNumber).uint16Value
      #expect(mode == (attributes[.type] as? FileAttributeType == .typeDirectory ? 0o700 : 0o600), "\(path)")
    }
  }

  /// A link in the place of a file makes the store neither read nor overwrite files elsewhere.
  ///
  /// Seen to fail with: RocksDB's file system without the check; the changelog's without `O_NOFOLLOW`.
  @Test func symbolicLinksInThePlaceOfFilesAreRefused() throws {
    try fill()
    let outside = directory("outside")
    var refused: [String] = []
    for path in try everything() where try kind(path) == .typeRegular {
      let contents = try Data(contentsOf: URL(fileURLWithPath: path))
      try directory.copy("store", to: "kept")
      try directory.copy("changelog", to: "kept-changelog")
      try directory.copy("checkpoint", to: "kept-checkpoint")
      try FileManager.default.moveItem(atPath: path, toPath: outside)
      try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: outside)
      do {
        if path.hasPrefix(directory("checkpoint")) { _ = try Checkpoint.verified(directory("checkpoint")) }
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
      for (kept, name) in [("kept", "store"), ("kept-changelog", "changelog"), ("kept-checkpoint", "checkpoint")] {
        try FileManager.default.removeItem(atPath: directory(name))
        try FileManager.default.moveItem(atPath: directory(kept), toPath: directory(name))
      }
    }
    for part in [
      "checkpoint/HEAD", "checkpoint/db/CURRENT", "store/HEAD", "store/db/CURRENT", "/db/MANIFEST-", ".sst", ".log",
      "/store/LOCK", "/db/LOCK",
    ] {
      #expect(refused.contains { $0.contains(part) }, "\(part): \(refused)")
    }
    #expect(try directory.store(try directory.log()).snapshot().allBalances().count == 51)
  }

  /// A state may lie on another disk.
  ///
  /// Seen to fail with: directories that are opened like files.
  @Test func directoriesMayBeLinks() throws {
    try fill()
    for name in ["store", "changelog", "checkpoint"] {
      try FileManager.default.moveItem(atPath: directory(name), toPath: directory(name + "-elsewhere"))
      try FileManager.default.createSymbolicLink(
        atPath: directory(name), withDestinationPath: directory(name + "-elsewhere"))
    }
    let store = try directory.store(try directory.log())
    #expect(try store.snapshot().allBalances().count == 51)
    try store.write { try $0.put("key0", 0, in: balances) }
    #expect(try Checkpoint.verified(directory("checkpoint")).offset < store.info().committedOffset)
    try store.close()
    #expect(try directory.store(try directory.log()).snapshot().get("key0", in: balances) == 0)
  }

  /// No row appears in a log message or in RocksDB's text log: their readers may not be allowed to see the rows.
  ///
  /// Seen to fail with: a key in the message of a snapshot that has expired; a key in a line of RocksDB's.
  @Test func rowsAppearInNoLog() throws {
    let observed = Observed()
    let secret = "s3cret"
    var options = observed.options
    options.columnFamilyOptions = ["level0_file_num_compaction_trigger": "2"]
    options.snapshotExpiry = .milliseconds(1)
    let store = try directory.store(try directory.log(), options)
    for number in Int64(0)..<6 {
      try store.write { transaction in
        try transaction.put(secret, number, in: balances)
        try transaction.put((secret, number), secret, in: orders)
        try transaction.delete((secret, number - 1), in: orders)
      }
      try store.flush()
    }
    do {
      let view = try store.snapshot()
      try withExtendedLifetime(view) {
        try #require(eventually { !observed.messages("a snapshot has expired").isEmpty })
      }
    }
    try #require(try eventually { try observed.counter("compaction-total") >= 1 })
    try store.write { try $0.put(secret, 7, in: balances) }
    try store.close()
    _ = try StateStore.setAside(directory("store"))
    try directory.store(try directory.log(), options).close()

    let entries = observed.messages()
    #expect(entries.count >= 5)
    for entry in entries { #expect(!"\(entry)".contains(secret), "\(entry.message)") }
    let logs = try everything().filter { $0.hasSuffix("/db/LOG") || $0.contains("/LOG.old") }
    #expect(!logs.isEmpty)
    for path in logs {
      let text = try String(contentsOfFile: path, encoding: .utf8)
      let hexadecimal = secret.utf8.map { String(format: "%02X", $0) }.joined()
      #expect(!text.contains(secret) && !text.uppercased().contains(hexadecimal), "\(path)")
    }
  }

  /// Seen to fail with: names that aren't checked.
  @Test(arguments: ["", ".", "..", "../../etc/passwd", "a/b", "a\u{1B}[2J", String(repeating: "n", count: 101)])
  func aNameFromAChangelogIsOneThatATableCanHave(_ name: String) throws {
    var value = ByteWriter()
    TableRecord(id: TableID(1), name: name, keyFormat: "string", valueFormat: "int64").encodeValue(into: &value)
    _ = storeError(.corrupted) { _ = try TableRecord(id: TableID(1), value: value.bytes) }
  }
}
