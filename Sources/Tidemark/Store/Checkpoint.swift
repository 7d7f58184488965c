public import Changelog
internal import RocksDB

/// A copy of a store with its offsets, taken while it runs: hard links of its table files where the file system allows.
///
/// It has the layout of a store's directory; ``copy(to:)`` makes a store of it.
public struct Checkpoint: Sendable {
  let place: StoreDirectory
  /// Its directory.
  public var directory: String { place.path }
  /// The changelog offset up to which it is the replay.
  public let offset: Offset
  /// The receipt of the commit that ends there.
  public let receipt: Receipt

  /// The changelog that it belongs to, as ``OffsetsFamily`` has it.
  let identity: [UInt8]

  /// Opens a checkpoint and verifies it: `HEAD`, the stored offset, and the checksums of all blocks.
  ///
  /// Throws `corrupted` if anything is damaged.
  public static func verified(_ path: String) throws(StoreError) -> Checkpoint {
    try verified(StoreDirectory(path: path))
  }

  package static func verified(_ path: String, _ fileSystem: FileSystem) throws(StoreError) -> Checkpoint {
    try verified(StoreDirectory(path: path, fileSystem))
  }

  /// The checkpoint below which the changelog of a store was deleted, verified; `nil` if that is whole.
  package static func base(ofStore path: String) throws(StoreError) -> Checkpoint? {
    try StoreDirectory(path: path).baseCheckpoint(of: nil)
  }

  static func verified(_ directory: StoreDirectory) throws(StoreError) -> Checkpoint {
    let checkpoint = try unverified(directory)
    try mappingErrors(
      to: "the checkpoint can't be verified", ["directory": directory.path], ifDamaged: "take another, or put it back"
    ) { () throws(RocksDBError) in
      let handle = try RocksDB.Database.openReadOnly(
        directory.database, options: directory.databaseOptions(.forOneLook),
        columnFamilies: try directory.columnFamilyNames())
      try handle.verifyChecksums()
    }
    return checkpoint
  }

  /// Opens a checkpoint and compares its `HEAD` with the stored offset.
  static func unverified(_ directory: StoreDirectory) throws(StoreError) -> Checkpoint {
    guard let bytes = try directory.storage.contents(of: directory.head), try directory.hasDatabase else {
      throw StoreError(.invalidArgument, "there is no checkpoint", ["directory": directory.path])
    }
    let head = try Head(parsing: bytes, file: directory.head)
    guard let stored = try StoredState.read(directory, .forOneLook), let must = head.stored,
      stored.state.offset == must.offset, stored.state.receipt == must.receipt
    else { throw StoreError(.corrupted, "the checkpoint isn't what its HEAD says", ["directory": directory.path]) }
    return Checkpoint(
      place: directory, offset: must.offset, receipt: must.receipt, identity: stored.identity)
  }

  /// Throws `wrongChangelog` unless the changelog is its own, with the commit that it ends with.
  func check(isOf changelog: any Changelog) throws(StoreError) {
    guard identity == OffsetsFamily.encode(changelog.identity),
      try changelog.receipt(endingAt: offset) == receipt
    else { throw StoreError(.wrongChangelog, "the checkpoint is of another changelog", ["checkpoint": directory]) }
  }

  /// Copies the checkpoint to a directory that isn't there yet, as a store to be opened: the rest is restored from the
  /// changelog then.
  ///
  /// The directory appears once it is whole and synced.
  public func copy(to path: String) throws(StoreError) {
    try StoreDirectory(path: path, place.fileSystem).make { (partial) throws(StoreError) in
      try copyFiles(to: partial)
    }
  }

  /// The same under another name.
  func moved(to path: String) -> Checkpoint {
    let place = StoreDirectory(path: path, place.fileSystem)
    return Checkpoint(place: place, offset: offset, receipt: receipt, identity: identity)
  }

  /// Copies database and `HEAD` to a directory that has neither, and remembers there where they come from.
  func copyFiles(to target: StoreDirectory) throws(StoreError) {
    try place.copyStore(to: target)
    try target.rememberBase(directory)
  }
}

extension StateStore {
  /// Takes a checkpoint while the store runs, and verifies it.
  ///
  /// Commits wait only while table files are linked and what came in the last moments is written; on another file system
  /// the files are copied beside running commits. The directory must not be there yet; it appears under its name once it
  /// is whole.
  ///
  /// - Parameters:
  ///   - path: the directory to make.
  ///   - earlier: checkpoints of this store on the same file system as `path`. Where that isn't the store's own, table files
  ///     that one of them has are linked from there, and only what is new is copied and verified:
  ///     ``Checkpoint/verified(_:)`` verifies the rest again. Those of other stores, and those that are gone, don't matter.
  /// - Returns: the checkpoint.
  /// - Throws: `invalidArgument` if `path` is there already, `outOfSpace`, `inputOutput`, and what stopped the store.
  public func checkpoint(to path: String, sharingFilesOf earlier: [String] = []) throws(StoreError) -> Checkpoint {
    let engine = try opened()
    try engine.health.check()
    var checkpoint: Checkpoint?
    let fileSystem = engine.directory.fileSystem
    try StoreDirectory(path: path, fileSystem).make { (partial) throws(StoreError) in
      if FileSystem.areOnSameDevice(engine.directory.path, partial.path) {
        try stageCheckpoint(engine, partial)
        checkpoint = try Checkpoint.verified(partial)
        return
      }
      let staging = StoreDirectory(path: engine.directory.path + "/checkpoint.partial", fileSystem)
      try staging.storage.removeTree(staging.path)
      defer { try? staging.storage.removeTree(staging.path) }
      try stageCheckpoint(engine, staging)
      // What isn't whole may not be synced, or not verified.
      let others = earlier.map { StoreDirectory(path: $0, fileSystem) }.filter {
        !$0.path.hasSuffix(".partial") && (try? $0.hasHead) == true
      }
      for file in try staging.copyStore(to: partial, sharing: others) {
        try mappingErrors(
          to: "a copied file can't be verified", ["file": file],
          ifDamaged: "look at the disk, and take the checkpoint again"
        ) { () throws(RocksDBError) in
          try TableFile.verifyChecksums(at: file, on: fileSystem.database)
        }
      }
      checkpoint = try Checkpoint.unverified(partial)
    }
    // Proof of `!`: it was set before the directory got its name.
    return checkpoint!.moved(to: path)
  }

  /// Links the table files into a directory on the store's file system, and writes `HEAD` beside them.
  private func stageCheckpoint(_ engine: Engine, _ staging: StoreDirectory) throws(StoreError) {
    try staging.create()
    try engine.flush()
    try engine.withAllApplied { () throws(StoreError) in
      try mappingErrors(to: "a checkpoint can't be taken", ["directory": staging.path]) { () throws(RocksDBError) in
        try engine.database.handle.checkpoint(to: staging.database)
      }
    }
    guard let stored = try StoredState.read(staging, engine.options), let manifest = try staging.manifestNumber()
    else { throw StoreError(.corrupted, "a checkpoint holds no stored offset", ["directory": staging.path]) }
    let head = Head(stored: (stored.state.offset, stored.state.receipt), manifest: manifest)
    try staging.storage.replace(staging.head, with: Array(head.text.utf8))
  }

  /// Lets the changelog delete what a checkpoint covers, after verifying the checkpoint.
  ///
  /// The checkpoint must lie outside the store's directory, belong to the store's changelog, and agree with it. The
  /// changelog keeps at least the commit that ends at the stored offset, and all of it if anything is in doubt. From then
  /// on ``verify(in:progress:)`` and a rebuilt store start from the checkpoint, whose place is remembered in the file `BASE`.
  /// On the store's own file system it shares table files with the store, and so their damage.
  ///
  /// Returns where the changelog starts afterwards.
  @discardableResult
  public func deleteChangelog(coveredBy directory: String) throws(StoreError) -> Offset {
    let engine = try opened()
    try engine.health.check()
    guard let changelog = engine.changelog else {
      throw StoreError(.invalidArgument, "the store has no changelog")
    }
    let place = FileSystem.absolute(directory)
    let home = FileSystem.absolute(engine.directory.path)
    guard place != home, !place.hasPrefix(home + "/") else {
      throw StoreError(
        .invalidArgument, "a checkpoint inside the store's directory would be lost with it; take one elsewhere",
        ["checkpoint": directory, "store": engine.directory.path])
    }
    let checkpoint = try Checkpoint.verified(directory, engine.directory.fileSystem)
    try checkpoint.check(isOf: changelog)
    guard let stored = try engine.database.state(tier: .persisted) else { return try changelog.offsets().start }
    // It may be a copy that nobody synced, or its maker may have died.
    try checkpoint.place.sync()
    try engine.directory.rememberBase(place)
    return try changelog.deleteCommits(below: min(checkpoint.offset, stored.offset))
  }
}
