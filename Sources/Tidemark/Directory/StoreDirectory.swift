internal import Changelog
internal import RocksDB

/// The files of a store.
///
/// ```
/// DIR/LOCK         held for life by the process that has the store open
/// DIR/HEAD         what the database must at least contain (``Head``)
/// DIR/BASE         the checkpoint below which the changelog was deleted, if it was: what an empty store begins with
/// DIR/db/          RocksDB
/// DIR/ingest/      table files on their way into the database
/// DIR/log/         the tail log of a store without a changelog (``TailLog``)
/// DIR/restore/     sorted runs of a restore under way (``SortedRuns``)
/// DIR/checkpoint-N.partial/   a checkpoint for another file system, while it is taken (``makeStaging()``)
/// ```
struct StoreDirectory: Sendable {
  let path: String
  let fileSystem: FileSystem

  init(path: String, _ fileSystem: FileSystem = FileSystem()) {
    self.fileSystem = fileSystem
    // Its neighbours' names begin with it.
    let end = path.lastIndex { $0 != "/" }
    self.path = end.map { String(path[...$0]) } ?? path
  }

  /// What becomes a directory of this path once it is whole.
  var partial: StoreDirectory { StoreDirectory(path: path + ".partial", fileSystem) }

  var storage: any Storage { fileSystem.storage }

  var database: String { path + "/db" }
  var head: String { path + "/HEAD" }
  var lock: String { path + "/LOCK" }
  var base: String { path + "/BASE" }
  var ingestion: String { path + "/ingest" }
  var restore: String { path + "/restore" }
  var tail: String { path + "/log" }
  var current: String { database + "/CURRENT" }

  /// Makes the directory, for its owner alone, unless it is there.
  func create() throws(StoreError) {
    try storage.makeDirectory(path)
    try storage.syncName(of: path)
  }

  /// Makes all that is in the database and `HEAD`, and their names, survive a loss of power.
  func sync() throws(StoreError) {
    for name in try storage.list(database) ?? [] { try storage.sync(database + "/" + name) }
    try storage.sync(head)
    try storage.syncDirectory(database)
    try storage.syncDirectory(path)
    try storage.syncDirectory(storage.parent(of: path))
  }

  /// Takes the lock of the directory, which is there, for `what` it is to become or is.
  func takeLock(for what: String = "the store") throws(StoreError) -> FileLock {
    try FileLock(lock, what, storage)
  }

  /// Makes the directory of table files on their way, without what a crash left there.
  func emptyIngestion() throws(StoreError) {
    try storage.removeTree(ingestion)
    // Its name isn't synced: what is in it counts for nothing.
    _ = try storage.createDirectory(ingestion)
  }

  /// Removes what an application that failed left of its files; the directory stays, as there may be no space for another.
  func removeIngestionFiles() throws(StoreError) {
    for name in try storage.list(ingestion) ?? [] { try storage.unlink(ingestion + "/" + name) }
  }

  /// Throws `invalidArgument` if there is something under its name.
  func checkIsMissing() throws(StoreError) {
    if try exists { throw StoreError(.invalidArgument, "the directory is there already", ["directory": path]) }
  }

  var exists: Bool { get throws(StoreError) { try storage.kind(of: path) != nil } }
  var hasHead: Bool { get throws(StoreError) { try storage.kind(of: head) != nil } }
  var hasDatabase: Bool { get throws(StoreError) { try storage.kind(of: current) != nil } }

  /// Removes the empty logs of RocksDB: each open creates one, and only a flush, which never happens, would delete them.
  ///
  /// A log with contents is one of a store of version 0.1, which RocksDB recovers. A log that can't be removed stays.
  func removeEmptyLogs() {
    for name in (try? storage.list(database)) ?? [] where name.hasSuffix(".log") {
      let path = "\(database)/\(name)"
      if let file = try? storage.open(path, .read), (try? file.size()) == 0 { try? storage.unlink(path) }
    }
  }

  /// The number of the MANIFEST that CURRENT names; `nil` if there is none.
  func manifestNumber() throws(StoreError) -> UInt64? {
    guard let bytes = try storage.contents(of: current) else { return nil }
    guard let text = String(validating: bytes, as: UTF8.self), text.hasPrefix("MANIFEST-"), text.hasSuffix("\n"),
      let number = UInt64(text.dropFirst(9).dropLast())
    else {
      throw StoreError(
        .corrupted, "CURRENT doesn't name a MANIFEST; rebuild the store from its changelog", ["file": current])
    }
    return number
  }

  /// Writes `BASE`.
  func rememberBase(_ checkpoint: String) throws(StoreError) {
    try storage.replace(base, with: Array((FileSystem.absolute(checkpoint) + "\n").utf8))
  }

  /// The checkpoint that `BASE` names, verified, and one of the changelog if that is there; `nil` without the file.
  func baseCheckpoint(of changelog: (any Changelog)?) throws(StoreError) -> Checkpoint? {
    guard let bytes = try storage.contents(of: base) else { return nil }
    guard let text = String(validating: bytes, as: UTF8.self), text.hasSuffix("\n") else {
      throw StoreError(
        .corrupted, "BASE doesn't name a checkpoint; write the path of one that covers the changelog into it",
        ["file": base])
    }
    do throws(StoreError) {
      let checkpoint = try Checkpoint.verified(StoreDirectory(path: String(text.dropLast()), fileSystem))
      if let changelog { try checkpoint.check(isOf: changelog) }
      return checkpoint
    } catch {
      throw StoreError(
        error.kind,
        "the checkpoint that BASE names, below which the changelog was deleted, can't be taken; put it back, or write its"
          + " new path into the file", ["file": base], cause: error)
    }
  }

  /// Copies the database and `HEAD`, synced, to a directory that has neither; answers which table files were copied.
  ///
  /// Table files are linked where that works, as they never change: from here, or from stores that share them.
  @discardableResult
  func copyStore(to target: StoreDirectory, sharing others: [StoreDirectory] = []) throws(StoreError) -> [String] {
    let copied = try copyDatabase(to: target.database, sharing: others)
    try storage.copy(head, to: target.head)
    try storage.syncDirectory(target.path)
    return copied
  }

  /// Makes the database a copy of another store's, in place of one in which nothing is stored.
  func takeDatabase(of other: StoreDirectory) throws(StoreError) {
    let partial = database + ".partial"
    try storage.removeTree(partial)
    try other.copyDatabase(to: partial)
    try storage.removeTree(database)
    try storage.rename(partial, to: database)
    try storage.syncDirectory(path)
  }

  @discardableResult
  private func copyDatabase(
    to target: String, sharing others: [StoreDirectory] = []
  ) throws(StoreError) -> [String] {
    var copied: [String] = []
    try storage.makeDirectory(target)
    for name in try storage.list(database) ?? [] {
      let (from, to) = (database + "/" + name, target + "/" + name)
      if name.hasSuffix(".sst") {
        if linkTableFile(name, of: [self] + others, to: to) { continue }
        copied.append(to)
      }
      try storage.copy(from, to: to)
    }
    try storage.syncDirectory(target)
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
      if other != path, !storage.haveSameEnd(path, other) { continue }
      if (try? storage.link(other, as: target)) == true { return true }
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
        try? partial.removeLocked()
        throw error
      }
    }
  }

  /// Runs `body` with the directory under its temporary name, locked, so that no other process creates it.
  ///
  /// Contents of an interrupted attempt stay.
  func withLockedPartial<R>(_ body: (_ partial: StoreDirectory) throws(StoreError) -> R) throws(StoreError) -> R {
    try checkIsMissing()
    let partial = partial
    try partial.create()
    let lock = try partial.takeLock(for: "what becomes \(path)")
    return try withExtendedLifetime(lock) { () throws(StoreError) in
      // The previous holder of the lock may have created it.
      do throws(StoreError) { try checkIsMissing() } catch {
        try? partial.removeLocked()
        throw error
      }
      return try body(partial)
    }
  }

  /// Removes all but the lock; `HEAD` first, without which the rest isn't taken for a store.
  func removeContents() throws(StoreError) {
    try storage.removeTree(head)
    for name in try storage.list(path) ?? [] where path + "/" + name != lock {
      try storage.removeTree(path + "/" + name)
    }
  }

  /// Removes the directory, whose lock the caller holds, unless another takes it meanwhile.
  ///
  /// The lock goes last: until then nobody else puts anything into the directory, and afterwards nothing is removed that is
  /// somebody else's.
  func removeLocked() throws(StoreError) {
    try removeContents()
    try storage.unlink(lock)
    try storage.removeDirectory(path)
  }

  /// Gives it another name, for good; the caller holds its lock, which is gone afterwards.
  ///
  /// The lock moves along: without it another could take the directory, and empty it, before it has its name.
  func rename(to target: StoreDirectory) throws(StoreError) {
    try storage.rename(path, to: target.path)
    try storage.syncDirectory(storage.parent(of: target.path))
    // Left behind it would be a file without meaning.
    try? storage.unlink(target.lock)
  }

  /// Moves the database and `HEAD` to a directory `damaged-N` beside them, which is returned.
  func setAside() throws(StoreError) -> String {
    var number = 1
    while try storage.kind(of: path + "/damaged-\(number)") != nil { number += 1 }
    let aside = path + "/damaged-\(number)"
    try storage.makeDirectory(aside)
    // The database first: without `HEAD` an open would refuse it, with `HEAD` alone too. Neither is ever taken for new.
    for (file, name) in [(database, "/db"), (head, "/HEAD"), (restore, "/restore")]
    where try storage.kind(of: file) != nil {
      try storage.rename(file, to: aside + name)
    }
    try storage.syncDirectory(aside)
    try storage.syncDirectory(path)
    return aside
  }
}

extension StoreDirectory {
  /// RocksDB's settings for a store's database: the same at each open.
  func databaseOptions(_ options: StoreOptions) -> RocksDB.DatabaseOptions {
    var settings = RocksDB.DatabaseOptions()
    settings.blockCache = options.budget.cache
    settings.overrides = options.databaseOptions
    settings.columnFamilyOverrides = options.columnFamilyOptions
    settings.fileSystem = fileSystem.database
    return settings
  }

  /// The column families of the database, which is there.
  func columnFamilyNames() throws(RocksDBError) -> [String] {
    try RocksDB.Database.columnFamilyNames(at: database, on: fileSystem.database)
  }

  /// Opens the database, with all column families that it has; makes one if there is none.
  func openDatabase(
    _ settings: RocksDB.DatabaseOptions, _ message: String
  ) throws(StoreError) -> RocksDB.Database {
    let exists = try hasDatabase
    if !exists {
      // Its name must not be lost where that of a `HEAD` that tells of it survives.
      try storage.makeDirectory(database)
      try storage.syncDirectory(path)
    }
    return try mappingErrors(to: message, ["directory": path]) { () throws(RocksDBError) in
      try RocksDB.Database.open(database, options: settings, columnFamilies: exists ? try columnFamilyNames() : [])
    }
  }
}

extension StoreOptions {
  /// Those of a database that is only looked at: its cache is small, and goes with it.
  ///
  /// Else blocks would stay in the cache of a budget that its store may not have, long after their files are gone.
  static var forOneLook: StoreOptions {
    var options = StoreOptions()
    options.budget = MemoryBudget(bytes: 8 << 20)
    return options
  }
}
