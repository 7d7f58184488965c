import FixtureMaker
import Foundation
import Testing
import TidemarkTesting

@testable import Tidemark

private let notes = Table("notes", key: .string, value: .string)

/// A store keeps version 1 of the formats until it uses a feature of version 2, or is upgraded.
@Suite struct FormatVersion2Tests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private var store: String { directory("store") }

  private func open(_ log: (any Changelog)?, _ tables: [any TableDefinition] = [balances]) throws -> StateStore {
    try StateStore.open(store, tables: tables, changelog: log, options: .lazy)
  }

  private func storedVersion(_ path: String) throws -> FormatVersion? {
    try StateStore.storedOffset(at: path)?.formatVersion
  }

  // MARK: Fixtures

  private func fixture(_ name: String) throws -> (store: String, manifest: Manifest, open: () throws -> StateStore) {
    let fixture = try Fixture(name, to: directory("fixture"))
    let path = fixture("store")
    let manifest = try Manifest(contentsOf: fixture("manifest.json"))
    return (
      path, manifest,
      {
        var options = FileLogOptions()
        options.createIfMissing = false
        let log =
          try name.hasPrefix("changelog")
          ? FileLog.open(fixture("changelog"), FixtureTables.changelog, options: options) : nil
        return try StateStore.open(path, tables: FixtureTables.all, changelog: log)
      }
    )
  }

  @Test(arguments: [
    "changelog-closed", "changelog-killed", "changelog-deleted", "local-closed", "local-killed",
    "local-killed-unflushed",
  ])
  func aStoreOfVersion1IsUpgradedAndShowsTheSame(_ name: String) throws {
    let fixture = try fixture(name)
    let hasChangelog = name.hasPrefix("changelog")
    var store = try fixture.open()
    // The log of a store without a changelog is a feature of version 2.
    #expect(try store.info().formatVersion == (hasChangelog ? .version1 : .version2))
    let before = try store.snapshot().offset
    try store.upgrade()
    let after = try store.snapshot().offset
    #expect(hasChangelog ? after > before : after == before)
    for _ in 0..<2 {
      #expect(try store.info().formatVersion == .version2)
      #expect(try store.snapshot().offset == after)
      let shown = try Manifest(of: store, storedOffset: nil)
      #expect(shown.tables == fixture.manifest.tables && shown.position == fixture.manifest.position)
      #expect(shown.streamTime == fixture.manifest.streamTime)
      #expect(try store.verify(in: directory("scratch")).agrees)
      // Another upgrade does nothing.
      try store.upgrade()
      #expect(try store.snapshot().offset == after)
      try store.close()
      #expect(try Version1Program.refusal(ofStore: fixture.store) == "the store's format is newer than this version")
      #expect(try storedVersion(fixture.store) == .version2)
      store = try fixture.open()
    }
    try store.write { try $0.put("added", 77, in: FixtureTables.names) }
    try store.close()
  }

  /// Byte for byte: version 0.1's data stays, and new data is written as version 0.1 would write it.
  ///
  /// Seen to fail with: applications that each set the store's version to 2.
  @Test(arguments: ["changelog-closed", "changelog-killed"])
  func aStoreOfVersion1StaysOne(_ name: String) throws {
    let fixture = try fixture(name)
    let log = try FileLog.open(directory("fixture/changelog"), FixtureTables.changelog)
    func bytes() throws -> [UInt8] {
      try log.segments().reduce(into: []) { $0 += Array(try Data(contentsOf: URL(fileURLWithPath: $1.path))) }
    }
    let (logBefore, rowsBefore) = (try bytes(), try Version1Program.offsetsRows(of: fixture.store))
    let store = try fixture.open()
    try store.write([TopicPartition("events", 0): 1_000_000]) { transaction in
      try transaction.put("added", 77, in: FixtureTables.names)
      transaction.advance(streamTime: 1_800_000_000_000)
    }
    let (receipt, end) = (try store.info().receipt, try store.snapshot().offset)
    try store.close()
    #expect(try Version1Program.refusal(ofStore: fixture.store) == nil)
    #expect(try Version1Program.refusal(of: log) == nil)
    #expect(try bytes().starts(with: logBefore))
    var rows = rowsBefore
    func big(_ value: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * $0)) } }
    rows["state-0"] = big(UInt64(end.value))
    var metadata = big(UInt64(end.value)) + big(receipt.value) + [1] + big(1_800_000_000_000) + [2]
    metadata += [6] + Array("events".utf8) + [0, 0, 0, 0] + big(1_000_000)
    let other = TopicPartition("événements", 3)
    metadata += [12] + Array(other.topic.utf8) + [0, 0, 0, 3]
    metadata += big(UInt64(try #require(fixture.manifest.position[other.description])))
    rows["tidemark:commit"] = metadata
    #expect(try Version1Program.offsetsRows(of: fixture.store) == rows)
  }

  /// Also if the restore is sorted outside of memory.
  ///
  /// Seen to fail with: a version that the bulk restore doesn't write.
  @Test(arguments: [16, 64 << 10]) func aStoreRestoredFromAnUpgradedChangelogIsOfVersion2(_ kibibytes: Int) throws {
    let log = try directory.log()
    var store = try open(log)
    let before = try store.snapshot().offset
    try store.upgrade()
    for round in 0..<30 {
      try store.write { transaction in
        for number in 0..<100 { try transaction.put("key\(round)/\(number)", Int64(number), in: balances) }
      }
    }
    try store.close()
    #expect(try Version1Program.refusal(of: log) == "a system record that this version doesn't know")
    var options = StoreOptions.lazy
    options.waitingBytes = kibibytes << 10
    options.budget = MemoryBudget(bytes: kibibytes < 100 ? 1 << 20 : 512 << 20)
    let path = directory("restored")
    store = try StateStore.open(path, tables: [balances], changelog: log, options: options)
    #expect(try store.snapshot().allBalances().count == 3000)
    try store.flush()
    #expect(try store.info().formatVersion == .version2)
    #expect(try store.verify(in: directory("scratch")).agrees)
    try store.close()
    #expect(try Version1Program.refusal(ofStore: path) != nil)
    // Before the upgrade it was of version 1.
    let past = try StateStore.restore(to: directory("past"), from: log, upTo: .offset(before))
    #expect(try storedVersion(past.directory) == .version1)
    #expect(try Version1Program.refusal(ofStore: past.directory) == nil)
  }

  // MARK: Features

  /// Seen to fail with: a drop that leaves version 1 in the row.
  @Test func aDroppedTableIsAFeatureOfVersion2() throws {
    let log = try directory.log()
    var store = try open(log, [balances, notes])
    try store.write { try $0.put("a", "note", in: notes) }
    try store.close()
    store = try open(log)
    try store.flush()
    #expect(try store.info().formatVersion == .version1)
    #expect(try Version1Program.refusal(of: log) == nil)
    try store.drop("notes")
    try store.flush()
    #expect(try store.info().formatVersion == .version2)
    try store.close()
    #expect(try Version1Program.refusal(ofStore: self.store) == "the store's format is newer than this version")
    #expect(try Version1Program.refusal(of: log) == "a table's definition is newer than this version")
    let row = try Version1Program.offsetsRows(of: self.store)["tidemark:table:2"]
    #expect(row == [2, 5] + Array("notes".utf8) + [6] + Array("string".utf8) + [6] + Array("string".utf8) + [9, 0])
  }

  /// A store without a changelog, made before there was a version 2.
  @Test func aTailLogIsAFeatureOfVersion2AndOpensWhateverTheRowSays() throws {
    var store = try open(nil)
    try store.write { try $0.put("a", 1, in: balances) }
    #expect(try store.info().formatVersion == .version2)
    try store.close()
    #expect(try Version1Program.refusal(ofStore: self.store) == "the store's format is newer than this version")
    try plant(["tidemark:format": [1]])
    store = try open(nil)
    #expect(try store.info().formatVersion == .version1)
    try store.upgrade()
    #expect(try store.info().formatVersion == .version2)
    #expect(try store.snapshot().allBalances() == ["a": 1])
    try store.close()
  }

  @Test func anUpgradeLeavesATransactionAsItIs() throws {
    let log = try directory.log()
    var store = try open(log)
    do {
      var transaction = try store.begin()
      try transaction.put("a", 1, in: balances)
      try store.upgrade()
      #expect(try transaction.get("a", in: balances) == 1)
      #expect(try store.snapshot().allBalances().isEmpty)
      try transaction.put("b", 2, in: balances)
      try transaction.commit([TopicPartition("in", 0): 7])
      #expect(try store.snapshot().allBalances() == ["a": 1, "b": 2])
    }
    try store.close()
    store = try open(log)
    #expect(try store.snapshot().allBalances() == ["a": 1, "b": 2])
    #expect(try store.verify(in: directory("scratch")).agrees)
    try store.close()
  }

  // MARK: Crashes

  private func open(_ root: String, on disk: Disk) throws -> StateStore {
    let log = try FileLog.open(
      root, TopicPartition("state", 0), options: FileLogOptions(durability: .sync), storage: disk.storage)
    var options = StoreOptions.lazy
    options.fileSystem = disk.fileSystem
    return try StateStore.open(root + "/store", tables: [balances], changelog: log, options: options)
  }

  /// Seen to fail with: a version that enters the database apart from the commit that records it.
  @Test func afterAPowerCutAtAnyStepOfAnUpgradeTheStoreIsOfOneVersion() throws {
    let directory = try TemporaryDirectory(inMemory: true)
    let root = directory("recorded")
    try POSIXStorage().makeDirectory(root)
    let disk = Disk(recording: root, syncs: false)
    let store = try open(root, on: disk)
    try store.write { try $0.put("anna", 1, in: balances) }
    try store.flush()
    let begun = disk.stepCount
    try store.upgrade()
    let done = disk.stepCount
    try store.close()

    var random = SeededGenerator()
    var images = CrashImages(disk.trace)
    var seen: Set<FormatVersion> = []
    repeat {
      let step = images.stepCount
      guard step >= begun else { continue }
      for loss in images.hasUnsynced ? [CrashImages.Loss.everything, .some(seed: random.next())] : [.everything] {
        let image = directory("image")
        _ = try images.image(loss).write(to: image, inPlaceOf: [root])
        let stored = try StateStore.storedOffset(at: image + "/store")?.formatVersion
        let reopened = try open(image, on: Disk(syncs: false))
        try reopened.flush()
        let version = try reopened.info().formatVersion
        #expect(stored.map { $0 <= version } ?? true, "after step \(step), losing \(loss)")
        #expect(step < done || (version == .version2 && stored == version), "after step \(step), losing \(loss)")
        #expect(try reopened.snapshot().allBalances() == ["anna": 1], "after step \(step), losing \(loss)")
        let offset = try reopened.snapshot().offset
        try reopened.upgrade()
        #expect(try reopened.info().formatVersion == .version2)
        #expect(try (reopened.snapshot().offset == offset) == (version == .version2))
        try reopened.close()
        seen.insert(version)
      }
    } while images.advance()
    #expect(seen == [.version1, .version2])
  }

  // MARK: Damage, and later versions

  /// Puts rows of `offsets` into the closed store.
  private func plant(_ planted: [String: [UInt8]]) throws {
    let place = StoreDirectory(path: store)
    let database = try SharedDatabase(try place.openDatabase(place.databaseOptions(.forOneLook), "no database"))
    var rows = OffsetsRows()
    for (key, value) in planted { rows.set(Array(key.utf8)) { $0.append(value.rawSpan) } }
    try rows.install(in: database, by: place)
    try place.storage.removeTree(place.ingestion)
  }

  private func makeStore() throws -> FileLog {
    let log = try directory.log()
    let store = try open(log, [balances, notes])
    try store.write { try $0.put("a", 1, in: balances) }
    try store.close()
    return log
  }

  /// Seen to fail with: rows that are read before the version is.
  @Test func aLaterVersionIsRefusedBeforeAnythingIsChanged() throws {
    let log = try makeStore()
    for (row, kind): ([UInt8], StoreError.Kind) in [([3], .unsupported), ([0x82, 0], .corrupted), ([], .corrupted)] {
      // In a later version the other rows may be different.
      try plant(["tidemark:format": row, "tidemark:commit": [9, 9]])
      let current = try String(contentsOfFile: store + "/db/CURRENT", encoding: .utf8)
      for attempt in [
        { _ = try open(log) }, { _ = try StateStore.storedOffset(at: store) },
        { _ = try StateStore.openReadOnly(store, tables: []) },
      ] as [() throws -> Void] {
        let error = storeError(kind) { try attempt() }
        #expect(error?.metadata.contains { $0.name == "directory" && $0.value == store } == true)
      }
      #expect(try String(contentsOfFile: store + "/db/CURRENT", encoding: .utf8) == current)
    }
  }

  private static let texts = [5] + Array("notes".utf8) + [6] + Array("string".utf8) + [6] + Array("string".utf8)

  /// Seen to fail with: a retention that is ignored.
  @Test(arguments: [
    ([1, 6] + Array("window".utf8), "window"), ([5, 1, 7], "retention"), ([7, 1, 1], "index of"), ([3, 1, 1], "kind"),
    ([11, 0], "11"),
  ])
  func aTableThatMeansMoreIsRefusedByName(_ field: [UInt8], _ told: String) throws {
    let log = try makeStore()
    try plant(["tidemark:table:2": [2] + Self.texts + field])
    let error = storeError(.unsupported) { _ = try open(log) }
    #expect(error?.message.hasSuffix("open it with a newer Tidemark") == true, "\(error as Any)")
    #expect(error?.metadata.contains { $0.value == "notes" } == true, "\(error as Any)")
    #expect(error?.metadata.contains { $0.name == told || $0.value == told } == true, "\(error as Any)")
  }

  /// Seen to fail with: a drop that rewrites the table's description without the unknown field.
  @Test func aFieldThatMayBeSkippedIsKeptWhenATableIsDropped() throws {
    let log = try makeStore()
    try plant(["tidemark:table:2": [2] + Self.texts + [6, 1, 7], "tidemark:format": [2]])
    var store = try open(log, [balances, notes])
    try store.write { try $0.put("a", "note", in: notes) }
    try store.close()
    store = try open(log)
    try store.drop("notes")
    try store.close()
    let row = try Version1Program.offsetsRows(of: self.store)["tidemark:table:2"]
    #expect(row == [2] + Self.texts + [6, 1, 7] + [9, 0])
  }

  /// Flips one bit of each byte of a log with records of version 2.
  @Test func damageOfALogOfVersion2IsFound() throws {
    let log = try makeStore()
    let store = try open(log)
    try store.drop("notes")
    try store.upgrade()
    try store.close()
    let segment = try #require(try log.segments().last)
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: segment.path)))
    let whole = try log.commits()
    var random = SeededGenerator()
    for at in bytes.indices {
      var damaged = bytes
      damaged[at] ^= 1 << UInt8(random.next() % 8)
      try Data(damaged).write(to: URL(fileURLWithPath: segment.path))
      do throws(StoreError) {
        // The header's timestamps are the only ones that a checksum covers, and magic and epoch are compared.
        #expect(try log.commits() == whole, "byte \(at)")
        Issue.record("byte \(at) can be anything")
      } catch { #expect([.corrupted, .unsupported].contains(error.kind), "byte \(at): \(error)") }
    }
    try Data(bytes).write(to: URL(fileURLWithPath: segment.path))
    #expect(try log.commits() == whole)
  }
}
