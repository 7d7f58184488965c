import Foundation
import Testing
import Tidemark

/// Looking at a store that is closed, or open elsewhere, changes nothing.
@Suite struct ReadOnlyStoreTests {
  let directory: TemporaryDirectory
  private static let input = TopicPartition("input", 0)

  init() throws { directory = try TemporaryDirectory(inMemory: true) }

  private func open() throws(StoreError) -> StateStore {
    try StateStore.open(directory("store"), tables: [balances, orders], changelog: try directory.log())
  }

  private func fill() throws {
    let store = try open()
    try store.write([Self.input: 5]) { transaction in
      try transaction.put("anna", 1, in: balances)
      transaction.advance(streamTime: 70)
    }
    try store.close()
  }

  /// Each name below a directory, with a value that reveals a change.
  private func tree(_ path: String) throws -> [String: String] {
    let files = FileManager.default
    var tree: [String: String] = [:]
    for name in try files.subpathsOfDirectory(atPath: path) + [""] {
      var status = stat()
      guard unsafe lstat(path + "/" + name, &status) == 0 else { continue }
      tree[name] =
        "\(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec) "
        + "\(status.st_ctim.tv_sec).\(status.st_ctim.tv_nsec) \(status.st_nlink)"
    }
    return tree
  }

  private func setPermissions(directories: Int, files: Int) throws {
    let manager = FileManager.default
    for name in try [""] + manager.subpathsOfDirectory(atPath: directory("store")) {
      let path = directory("store/" + name)
      let isDirectory = try manager.attributesOfItem(atPath: path)[.type] as? FileAttributeType == .typeDirectory
      try manager.setAttributes([.posixPermissions: isDirectory ? directories : files], ofItemAtPath: path)
    }
  }

  @Test func aClosedStoreIsReadAndNothingChanges() throws {
    try fill()
    // RocksDB would delete it.
    try Data().write(to: URL(fileURLWithPath: directory("store/db/000099.sst.trash")))
    // Nothing can be written, unless root runs the test.
    try setPermissions(directories: 0o500, files: 0o400)
    defer { try? setPermissions(directories: 0o700, files: 0o600) }
    let before = try tree(directory("store"))
    do {
      let store = try StateStore.openReadOnly(directory("store"), tables: [balances])
      #expect(store.offset > 0)
      #expect(store.position == [Self.input: 5])
      #expect(store.streamTime == 70)
      #expect(store.tables.map(\.name).sorted() == ["balances", "orders"])
      let view = try store.snapshot()
      #expect(view.position == [Self.input: 5])
      #expect(try view.get("anna", in: balances) == 1)
      #expect(try view.last(in: balances)?.key == "anna")
      #expect(throws: StoreError.self) { try view.first(in: orders) }
      let second = try StateStore.openReadOnly(directory("store"), tables: [balances, orders])
      #expect(try second.snapshot().first(in: orders) == nil)
      store.close()
      #expect(throws: StoreError.self) { try store.snapshot() }
      #expect(try view.get("anna", in: balances) == 1, "a snapshot goes on reading")
      let stored = try StateStore.storedOffset(at: directory("store"))
      #expect(stored?.offset == store.offset)
      #expect(stored?.position == [Self.input: 5])
      #expect(stored?.streamTime == 70)
    }
    #expect(try tree(directory("store")) == before)
  }

  @Test func readersAndAWriterKeepEachOtherOut() throws {
    try fill()
    var store: StateStore? = try open()
    var error = #expect(throws: StoreError.self) {
      try StateStore.openReadOnly(directory("store"), tables: [balances])
    }
    #expect(error?.kind == .locked)
    try store?.close()
    store = nil
    var reader: ReadOnlyStore? = try StateStore.openReadOnly(directory("store"), tables: [balances])
    var view = try reader?.snapshot()
    error = #expect(throws: StoreError.self) { try open() }
    #expect(error?.kind == .locked)
    reader?.close()
    reader = nil
    error = #expect(throws: StoreError.self) { try open() }
    #expect(error?.kind == .locked, "a snapshot holds the directory")
    #expect(try view?.get("anna", in: balances) == 1)
    view = nil
    try open().close()
  }

  @Test func aCheckpointIsReadWithoutMakingALock() throws {
    try fill()
    let store = try open()
    _ = try store.checkpoint(to: directory("checkpoint"))
    let before = try tree(directory("checkpoint"))
    let copy = try StateStore.openReadOnly(directory("checkpoint"), tables: [balances])
    #expect(try copy.snapshot().get("anna", in: balances) == 1)
    copy.close()
    #expect(try tree(directory("checkpoint")) == before)
    try store.close()
  }

  @Test func theStoredOffsetIsToldWhileTheStoreIsOpen() throws {
    #expect(try StateStore.storedOffset(at: directory("store")) == nil)
    #expect(!FileManager.default.fileExists(atPath: directory("store")))
    try fill()
    let store = try open()
    #expect(try StateStore.storedOffset(at: directory("store"))?.position == [Self.input: 5])
    for number in 6..<40 {
      try store.write([Self.input: Offset(Int64(number))]) { try $0.put("key \(number)", 1, in: balances) }
      if number.isMultiple(of: 3) { try store.flush() }
      let stored = try StateStore.storedOffset(at: directory("store"))
      #expect(stored?.offset == (try store.info().storedOffset))
    }
    try store.close()
  }

  @Test func whatIsNoStoreIsRefused() throws {
    var error = #expect(throws: StoreError.self) { try StateStore.openReadOnly(directory("none"), tables: [balances]) }
    #expect(error?.kind == .invalidArgument)
    #expect(!FileManager.default.fileExists(atPath: directory("none")))
    try fill()
    error = #expect(throws: StoreError.self) {
      try StateStore.openReadOnly(directory("store"), tables: [Table("balances", key: .string, value: .string)])
    }
    #expect(error?.kind == .schemaMismatch)
    try FileManager.default.removeItem(atPath: directory("store/HEAD"))
    for _ in 0..<2 {
      error = #expect(throws: StoreError.self) { try StateStore.openReadOnly(directory("store"), tables: [balances]) }
      #expect(error?.kind == .corrupted)
      error = #expect(throws: StoreError.self) { try StateStore.storedOffset(at: directory("store")) }
      #expect(error?.kind == .corrupted)
    }
  }
}
