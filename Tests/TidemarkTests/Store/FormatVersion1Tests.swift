import FixtureMaker
import Foundation
import Testing
import Tidemark

/// Directories of format version 1 open with every commit, whether they were closed or the program was killed.
///
/// Seen to fail with one digit of a manifest changed.
@Suite struct FormatVersion1Tests {
  let directory: TemporaryDirectory
  var store: String { directory("fixture/store") }
  var changelog: String { directory("fixture/changelog") }

  init() throws { directory = try TemporaryDirectory() }

  private func copy(_ name: String) throws -> Fixture { try Fixture(name, to: directory("fixture")) }

  private func manifest(_ fixture: Fixture) throws -> Manifest { try Manifest(contentsOf: fixture("manifest.json")) }

  private func open(_ path: String, hasChangelog: Bool) throws -> StateStore {
    var options = FileLogOptions()
    options.createIfMissing = false
    let log = try hasChangelog ? FileLog.open(changelog, FixtureTables.changelog, options: options) : nil
    return try StateStore.open(path, tables: FixtureTables.all, changelog: log)
  }

  /// Throws where the store isn't the replay of its changelog, or a block of its table files is damaged.
  private func verify(_ store: StateStore, hasChangelog: Bool) throws {
    let checkpoint = try store.checkpoint(to: directory("checkpoint-\(UUID().uuidString)"))
    #expect(checkpoint.offset == (try store.snapshot().offset))
    if !hasChangelog { return }
    let report = try store.verify(in: directory("scratch"))
    #expect(report.agrees && report.rows > 0, "\(report)")
    #expect(report.offset == checkpoint.offset)
  }

  /// The store matches the manifest, verifies, takes a commit, and shows the commit after a reopen.
  private func expect(_ manifest: Manifest, in path: String, hasChangelog: Bool) throws {
    var store = try open(path, hasChangelog: hasChangelog)
    var expected = manifest
    if !hasChangelog {
      // The store's new log begins with a commit of its own, which changes nothing.
      expected.offset += 1
      expected.receipt = try store.info().receipt.description
    }
    #expect(try Manifest(of: store, storedOffset: manifest.storedOffset) == expected)
    try verify(store, hasChangelog: hasChangelog)
    #expect(try Manifest(of: store, storedOffset: manifest.storedOffset) == expected)

    try store.write([TopicPartition("events", 0): 1_000_000]) { transaction in
      try transaction.put("added", 77, in: FixtureTables.names)
      transaction.advance(streamTime: 1_800_000_000_000)
    }
    let added = try Manifest(of: store, storedOffset: nil)
    expected.tables["names"]?["added"] = "77"
    expected.position["events-0"] = 1_000_000
    expected.streamTime = 1_800_000_000_000
    #expect(added.offset > manifest.offset && added.receipt != manifest.receipt)
    (expected.offset, expected.receipt, expected.storedOffset) = (added.offset, added.receipt, nil)
    #expect(added == expected)
    try store.close()

    store = try open(path, hasChangelog: hasChangelog)
    #expect(try Manifest(of: store, storedOffset: nil) == expected)
    try verify(store, hasChangelog: hasChangelog)
    try store.close()
  }

  @Test(arguments: [
    "changelog-closed", "changelog-killed", "changelog-deleted", "local-closed", "local-killed",
    "local-killed-unflushed",
  ])
  func storeShowsItsCommitsAndTakesAnother(_ name: String) throws {
    let fixture = try copy(name)
    let manifest = try manifest(fixture)
    let hasChangelog = name.hasPrefix("changelog")
    #expect(try Manifest.storedOffset(store) == manifest.storedOffset)
    #expect((manifest.changelogStart != nil) == hasChangelog)
    // A killed store has commits that aren't in table files.
    #expect((manifest.storedOffset ?? 0 < manifest.offset) == name.contains("killed"))
    try expect(manifest, in: store, hasChangelog: hasChangelog)
  }

  /// Deletes are left out of table files only for tables without rows; these tables have rows.
  @Test func rowsOfRocksDBsLogCanBeDeleted() throws {
    _ = try copy("local-killed-unflushed")
    var store = try open(store, hasChangelog: false)
    let names = FixtureTables.names
    #expect(try store.snapshot().first(in: names) != nil)
    try store.write { try $0.removeAll(in: names) }
    try store.flush()
    #expect(try store.snapshot().first(in: names) == nil)
    try store.close()
    store = try open(self.store, hasChangelog: false)
    #expect(try store.snapshot().first(in: names) == nil)
    try store.close()
  }

  /// The last 12 commits are in RocksDB's own log alone: the fixtures prove that this log is read.
  @Test(arguments: ["local-killed", "local-killed-unflushed"])
  func commitsOfAKilledStoreWithoutAChangelogAreInRocksDBsLog(_ name: String) throws {
    let fixture = try copy(name)
    let manifest = try manifest(fixture)
    let database = store + "/db/"
    let logs = try FileManager.default.contentsOfDirectory(atPath: database).filter { $0.hasSuffix(".log") }
    #expect(!logs.isEmpty)
    for log in logs { try Data().write(to: URL(fileURLWithPath: database + log)) }
    let without = try open(store, hasChangelog: false)
    if name == "local-killed" {
      // The store's new log begins with a commit of its own.
      #expect(try without.snapshot().offset.value == manifest.offset - 12 + 1)
    } else {
      #expect(try Manifest(of: without, storedOffset: nil).tables.values.allSatisfy(\.isEmpty))
    }
    try without.close()
  }

  @Test(arguments: ["changelog-closed", "changelog-deleted"])
  func checkpointIsVerifiedAndBecomesTheStore(_ name: String) throws {
    let fixture = try copy(name)
    let manifest = try manifest(fixture)
    let checkpoint = try Checkpoint.verified(fixture("checkpoint"))
    #expect(checkpoint.offset.value < manifest.offset)
    #expect(try Manifest.storedOffset(checkpoint.directory) == checkpoint.offset.value)
    try checkpoint.copy(to: directory("copy"))
    try expect(manifest, in: directory("copy"), hasChangelog: true)
  }

  @Test(arguments: ["changelog-closed", "changelog-killed"])
  func storeIsRestoredFromTheChangelogAlone(_ name: String) throws {
    let manifest = try manifest(try copy(name))
    try FileManager.default.removeItem(atPath: store)
    try expect(manifest, in: store, hasChangelog: true)
  }

  @Test func storeIsRestoredFromTheCheckpointBelowWhichTheChangelogWasDeleted() throws {
    let fixture = try copy("changelog-deleted")
    let manifest = try manifest(fixture)
    let start = try #require(manifest.changelogStart)
    #expect(start > 0)
    let base = try String(contentsOfFile: store + "/BASE", encoding: .utf8)
    #expect(base == fixture("checkpoint") + "\n")
    // Entries of several writers: a version, their number, then a line each.
    let epochs = try String(
      contentsOfFile: changelog + "/state-0/leader-epoch-checkpoint", encoding: .utf8)
    #expect(epochs.split(separator: "\n").count > 3, "\(epochs)")
    try FileManager.default.removeItem(atPath: store + "/db")
    try FileManager.default.removeItem(atPath: store + "/HEAD")
    try expect(manifest, in: store, hasChangelog: true)
  }

  @Test func storeRefusesTheChangelogOfAnotherFixture() throws {
    let fixture = try copy("changelog-closed")
    let other = try Fixture("changelog-killed", to: directory("other"))
    try FileManager.default.removeItem(atPath: changelog)
    try FileManager.default.moveItem(atPath: other("changelog"), toPath: fixture("changelog"))
    let error = #expect(throws: StoreError.self) { try open(store, hasChangelog: true) }
    #expect(error?.kind == .wrongChangelog)
  }
}
