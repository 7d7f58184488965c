public import Changelog
internal import RocksDB

extension StateStore {
  /// Opens a store: recovers what is on the local disk, then restores the rest from the changelog.
  ///
  /// Declared tables that the store doesn't have are created; tables of the store that aren't declared are kept and
  /// restored, but not visible. State is never wiped: if the files don't match the declaration or the changelog,
  /// opening throws, and the files stay as they are.
  ///
  /// - Parameters:
  ///   - path: the store's directory, created if it is missing.
  ///   - tables: the tables to use.
  ///   - changelog: the store's changelog; without one, the store keeps its last commits in a log of its own
  ///     (``StoreOptions/tailDurability``), and can't be rebuilt, forked to an earlier offset, or followed.
  ///   - options: the options of the store.
  ///   - progress: called now and then on the calling thread. If it throws, opening ends with `cancelled`; the next
  ///     open resumes after the complete sorted runs. `{ _ in try Task.checkCancellation() }` ends it when the task is
  ///     cancelled.
  ///   - whileRestoring: called on the calling thread with a snapshot at the *stored* offset before the replay begins,
  ///     and again each time that more table files were ingested: for reads that may be outdated. The snapshot has its
  ///     `offset` and `position`; reading a table that its state doesn't have throws `invalidArgument`. The snapshot
  ///     keeps the directory locked until it is released, even if opening fails; it can expire once the store is open.
  ///     Not called for an empty store.
  /// - Returns: the open store.
  /// - Throws: `locked` while another process or object holds the store or the changelog, `wrongChangelog` if the state
  ///   belongs to another changelog or its changelog was truncated, recreated or forked, `corrupted` if files are
  ///   damaged, `schemaMismatch` if a table was created with other codecs, `cancelled` if `progress` throws.
  public static func open(
    _ path: String, tables: [any TableDefinition], changelog: (any Changelog)? = nil,
    options: StoreOptions = StoreOptions(),
    progress: (OpenProgress) throws -> Void = { _ in
    }, whileRestoring: ((Snapshot) -> Void)? = nil
  ) throws(StoreError) -> StateStore {
    try TableRecord.validate(namesOf: tables)
    let opening = try Opening(StoreDirectory(path: path, options.fileSystem), changelog, options)
    return StateStore(
      try opening.run(tables, whileRestoring) { (step) throws(StoreError) in try step.report(orCancelFor: progress) })
  }

  /// Moves the database of a closed store aside, so that the next open restores the whole state from the changelog.
  ///
  /// Call it for a damaged database. The files are kept for inspection, in the returned directory. If the changelog was
  /// deleted below a checkpoint, the next open begins with a copy of that checkpoint; if the checkpoint is missing,
  /// nothing is moved. For a store without a changelog it throws `unsupported`, as far as the store can still be
  /// recognized as one. After a crash, call it again.
  public static func setAside(_ path: String) throws(StoreError) -> String {
    try setAside(path, FileSystem())
  }

  package static func setAside(_ path: String, _ fileSystem: FileSystem) throws(StoreError) -> String {
    let directory = StoreDirectory(path: path, fileSystem)
    let lock = try directory.takeLock()
    return try withExtendedLifetime(lock) { () throws(StoreError) in
      // A readable database, or a tail log, shows that there is no changelog from which to restore the store.
      let stored = try? StoredState.read(directory, .forOneLook)
      if try directory.storage.kind(of: directory.tail) != nil || stored.map({ $0.identity.isEmpty }) == true {
        throw StoreError(
          .unsupported, "a store without a changelog can't be restored; put back a copy of its directory",
          ["directory": path])
      }
      _ = try directory.baseCheckpoint(of: nil)
      return try directory.setAside()
    }
  }
}
