internal import Changelog
internal import Foundation

/// The files of a store.
///
/// ```
/// DIR/LOCK         held for life by the process that has the store open
/// DIR/HEAD         what the database must at least contain (``Head``)
/// DIR/BASE         the checkpoint below which the changelog was deleted, if it was
/// DIR/db/          RocksDB
/// DIR/ingest/      table files on their way into the database
/// DIR/restore/     sorted runs of a restore under way (``SortedRuns``)
/// ```
struct StoreDirectory: Sendable {
  let path: String

  init(path: String) {
    // Its neighbours' names begin with it.
    let end = path.lastIndex { $0 != "/" }
    self.path = end.map { String(path[...$0]) } ?? path
  }

  /// What becomes a directory of this path once it is whole.
  var partial: StoreDirectory { StoreDirectory(path: path + ".partial") }

  var database: String { path + "/db" }
  var head: String { path + "/HEAD" }
  var lock: String { path + "/LOCK" }
  var base: String { path + "/BASE" }
  var ingestion: String { path + "/ingest" }
  var restore: String { path + "/restore" }
  var current: String { database + "/CURRENT" }

  /// Makes the directory, for its owner alone, unless it is there.
  func create() throws(StoreError) {
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw Files.error(error, "the state directory can't be made", path)
    }
  }

  /// Makes the directory of table files on their way, without what a crash left there; returns its path.
  @discardableResult
  func emptyIngestion() throws(StoreError) -> String {
    try Self.empty(ingestion)
    return ingestion
  }

  /// Makes a directory that is there, or isn't, an empty one.
  static func empty(_ path: String) throws(StoreError) {
    try Files.removeTree(path)
    try StoreDirectory(path: path).create()
  }

  /// Throws `invalidArgument` if there is something under its name.
  func checkIsMissing() throws(StoreError) {
    if exists { throw StoreError(.invalidArgument, "the directory is there already", ["directory": path]) }
  }

  var exists: Bool { FileManager.default.fileExists(atPath: path) }
  var hasHead: Bool { FileManager.default.fileExists(atPath: head) }
  var hasDatabase: Bool { FileManager.default.fileExists(atPath: current) }

  /// The number of the MANIFEST that CURRENT names; `nil` if there is none.
  func manifestNumber() throws(StoreError) -> UInt64? {
    guard let bytes = try Files.read(current) else { return nil }
    guard let text = String(validating: bytes, as: UTF8.self), text.hasPrefix("MANIFEST-"), text.hasSuffix("\n"),
      let number = UInt64(text.dropFirst(9).dropLast())
    else {
      throw StoreError(
        .corrupted, "CURRENT doesn't name a MANIFEST; rebuild the store from its changelog", ["file": current])
    }
    return number
  }

  /// A path that means the same in another working directory, without symbolic links.
  static func absolute(_ path: String) -> String { URL(fileURLWithPath: path).resolvingSymlinksInPath().path }

  /// Writes `BASE`.
  func rememberBase(_ checkpoint: String) throws(StoreError) {
    try Files.replace(base, with: Array((Self.absolute(checkpoint) + "\n").utf8))
  }

  /// The checkpoint that `BASE` names, verified; `nil` without that file.
  func baseCheckpoint() throws(StoreError) -> Checkpoint? {
    guard let bytes = try Files.read(base) else { return nil }
    guard let text = String(validating: bytes, as: UTF8.self), text.hasSuffix("\n") else {
      throw StoreError(
        .corrupted, "BASE doesn't name a checkpoint; write the path of the one that covers the changelog into it",
        ["file": base])
    }
    return try Checkpoint.verified(String(text.dropLast()))
  }

  /// Copies the database and `HEAD`, synced, to a directory that has neither; answers which table files were copied.
  ///
  /// Table files are linked where that works, as they never change: from here, or from stores that share them.
  @discardableResult
  func copyStore(to target: StoreDirectory, sharing others: [StoreDirectory] = []) throws(StoreError) -> [String] {
    let manager = FileManager.default
    var copied: [String] = []
    do {
      try manager.createDirectory(
        atPath: target.database, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      for name in try manager.contentsOfDirectory(atPath: database) {
        let (from, to) = (database + "/" + name, target.database + "/" + name)
        if name.hasSuffix(".sst") {
          if linkTableFile(name, of: [self] + others, to: to) { continue }
          copied.append(to)
        }
        try manager.copyItem(atPath: from, toPath: to)
        try Files.sync(to)
      }
      try Files.sync(target.database)
      try manager.copyItem(atPath: head, toPath: target.head)
      try Files.sync(target.head)
    } catch {
      throw Files.error(error, "a store can't be copied", target.path)
    }
    try Files.syncDirectory(of: target.head)
    try Files.syncDirectory(of: target.path)
    return copied
  }

  /// Links a table file of this database from one of several that have the same; `false` if that works with none.
  ///
  /// The same are files of one name and size whose ends are the same: there RocksDB writes which session of which database
  /// made the file, under which number, and where its blocks are.
  private func linkTableFile(_ name: String, of stores: [StoreDirectory], to target: String) -> Bool {
    let path = database + "/" + name
    for store in stores {
      let other = store.database + "/" + name
      if other != path, !Files.haveSameEnd(path, other) { continue }
      if (try? FileManager.default.linkItem(atPath: other, toPath: target)) != nil { return true }
    }
    return false
  }

  /// Makes the directory, which must not be there yet: `body` fills it under another name, which it loses when it is whole.
  func make(_ body: (_ partial: StoreDirectory) throws(StoreError) -> Void) throws(StoreError) {
    try withLockedPartial { (partial) throws(StoreError) in
      do throws(StoreError) {
        try partial.removeContents()
        try body(partial)
        try partial.rename(to: self)
      } catch {
        try? Files.removeTree(partial.path)
        throw error
      }
    }
  }

  /// Runs `body` while nobody else makes the directory; the name that it has until then stays, with what is in it.
  func withLockedPartial<R>(_ body: (_ partial: StoreDirectory) throws(StoreError) -> R) throws(StoreError) -> R {
    try checkIsMissing()
    let partial = partial
    try partial.create()
    let lock = try FileLock(partial.lock, "what becomes \(path)")
    return try withExtendedLifetime(lock) { () throws(StoreError) in try body(partial) }
  }

  /// Removes all but the lock; `HEAD` first, without which the rest isn't taken for a store.
  func removeContents() throws(StoreError) {
    for file in [head, database, base, ingestion, restore] { try Files.removeTree(file) }
  }

  /// Gives it another name, for good; its lock, which the caller holds, stays behind.
  func rename(to target: StoreDirectory) throws(StoreError) {
    try Files.removeTree(lock)
    guard unsafe Foundation.rename(path, target.path) == 0 else {
      throw Files.error(errno, "a directory can't be given its name", target.path)
    }
    try Files.syncDirectory(of: target.path)
  }

  /// Whether both lie, or will lie, on one file system.
  func isOnSameDevice(as other: StoreDirectory) -> Bool {
    func device(_ path: String) -> dev_t? {
      var status = stat()
      return unsafe stat(path, &status) == 0 ? status.st_dev : nil
    }
    return device(path) == device((Self.absolute(other.path) as NSString).deletingLastPathComponent)
  }

  /// Moves the database and `HEAD` to a directory `damaged-N` beside them, which is returned.
  func setAside() throws(StoreError) -> String {
    let manager = FileManager.default
    var number = 1
    while manager.fileExists(atPath: path + "/damaged-\(number)") { number += 1 }
    let aside = path + "/damaged-\(number)"
    do {
      try manager.createDirectory(
        atPath: aside, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
      // The database first: without `HEAD` an open would refuse it, with `HEAD` alone too. Neither is ever taken for new.
      if manager.fileExists(atPath: database) { try manager.moveItem(atPath: database, toPath: aside + "/db") }
      if manager.fileExists(atPath: head) { try manager.moveItem(atPath: head, toPath: aside + "/HEAD") }
      if manager.fileExists(atPath: restore) { try manager.moveItem(atPath: restore, toPath: aside + "/restore") }
    } catch {
      throw Files.error(error, "the database can't be moved aside", path)
    }
    try Files.syncDirectory(of: head)
    return aside
  }
}
