public import Changelog
internal import RocksDB

extension StateStore {
  /// Takes a checkpoint while the store runs, and verifies it.
  ///
  /// Commits wait only while the last changes are written and table files are linked. On another file system the files
  /// are copied while commits continue. The directory must not exist; it gets its name once it is complete.
  ///
  /// - Parameters:
  ///   - path: the directory to create.
  ///   - earlier: checkpoints of this store on the same file system as `path`. If that isn't the store's file system,
  ///     table files that one of them has are linked from it, and only the other files are copied and verified:
  ///     ``Checkpoint/verified(_:)`` also verifies the linked files. Checkpoints of other stores, and missing ones, are
  ///     ignored.
  /// - Returns: the checkpoint.
  /// - Throws: `invalidArgument` if `path` exists, `outOfSpace`, `inputOutput`, and the failure that stopped the store.
  public func checkpoint(to path: String, sharingFilesOf earlier: [String] = []) throws(StoreError) -> Checkpoint {
    let store = try opened()
    try store.health.check()
    var checkpoint: Checkpoint?
    let fileSystem = store.directory.fileSystem
    try StoreDirectory(path: path, fileSystem).make { (partial) throws(StoreError) in
      if FileSystem.areOnSameDevice(store.directory.path, partial.path) {
        try stageCheckpoint(store, partial)
        checkpoint = try Checkpoint.verified(partial)
        return
      }
      try store.directory.removeDeadStagings()
      let (staging, lock) = try store.directory.makeStaging()
      defer {
        try? staging.removeLocked()
        withExtendedLifetime(lock) {}
      }
      try stageCheckpoint(store, staging)
      // An incomplete checkpoint may be unsynced or unverified.
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

  /// Links the table files into a directory on the store's file system, and writes its `HEAD`.
  private func stageCheckpoint(_ store: OpenStore, _ staging: StoreDirectory) throws(StoreError) {
    try staging.create()
    try store.materializer.flush()
    try store.materializer.withAllApplied { () throws(StoreError) in
      try mappingErrors(to: "a checkpoint can't be taken", ["directory": staging.path]) { () throws(RocksDBError) in
        try store.database.handle.checkpoint(to: staging.database)
      }
    }
    guard let stored = try StoredState.read(staging, store.options), let manifest = try staging.manifestNumber()
    else { throw StoreError(.corrupted, "a checkpoint holds no stored offset", ["directory": staging.path]) }
    let head = Head(stored: (stored.state.offset, stored.state.receipt), manifest: manifest)
    try staging.storage.replace(staging.head, with: Array(head.text.utf8))
  }

  /// Verifies a checkpoint, and deletes the commits that it covers from the changelog.
  ///
  /// The checkpoint must be outside the store's directory, belong to the store's changelog, and match it; otherwise
  /// nothing is deleted. The changelog keeps at least the commit that ends at the stored offset. From then on
  /// ``verify(in:progress:)`` and a rebuilt store start from the checkpoint, whose path is recorded in the file `BASE`.
  /// On the store's own file system the checkpoint shares table files with the store, and so their damage.
  ///
  /// Returns the start of the changelog afterwards.
  @discardableResult
  public func deleteChangelog(coveredBy directory: String) throws(StoreError) -> Offset {
    let store = try opened()
    try store.health.check()
    try store.checkKeepsHistory("its log is deleted by itself")
    let changelog = store.changelog
    let place = FileSystem.absolute(directory)
    let home = FileSystem.absolute(store.directory.path)
    guard place != home, !place.hasPrefix(home + "/") else {
      throw StoreError(
        .invalidArgument, "a checkpoint inside the store's directory would be lost with it; take it elsewhere",
        ["checkpoint": directory, "store": store.directory.path])
    }
    let checkpoint = try Checkpoint.verified(directory, store.directory.fileSystem)
    try checkpoint.check(isOf: changelog)
    let stored = store.materializer.storedOffset
    // It may be a copy that was never synced, or its creator may have died.
    try checkpoint.place.sync()
    try store.directory.rememberBase(place)
    return try changelog.deleteCommits(below: min(checkpoint.offset, stored))
  }
}
