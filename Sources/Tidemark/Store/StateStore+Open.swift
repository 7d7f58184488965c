public import Changelog
internal import RocksDB

extension StateStore {
  /// Opens a store: recovers what is on the local disk, then restores the rest from the changelog.
  ///
  /// Tables that the store doesn't know yet are made; tables that it knows and that aren't declared are kept and restored,
  /// out of sight. Nothing is ever wiped: what doesn't fit is an error, and the files stay as they are.
  ///
  /// - Parameters:
  ///   - path: the store's directory, made if there is none.
  ///   - tables: the tables to use.
  ///   - changelog: the store's changelog; without one, the store keeps its last commits in a log of its own
  ///     (``StoreOptions/tailDurability``), and can't be rebuilt, forked to an earlier offset, or followed.
  ///   - options: how the store behaves.
  ///   - progress: called now and then on the calling thread. Where it throws, opening ends with `cancelled`; the
  ///     next open goes on after the sorted runs that were written. `{ _ in try Task.checkCancellation() }` ends it with a
  ///     task.
  ///   - whileRestoring: called on the calling thread with the state at the *stored* offset before more than that is
  ///     replayed, and again whenever table files have taken in more: for reads that may be behind. The snapshot's `offset`
  ///     and `position` say where it stands; a table that its state doesn't have throws `invalidArgument`. As long as it is
  ///     kept, it holds the directory, also where opening fails; it can expire once the store is open. A new store has
  ///     nothing to show.
  /// - Returns: the open store.
  /// - Throws: `locked` while another holds the store or the changelog, `wrongChangelog` if the state belongs to another
  ///   changelog or to one that was cut, recreated or forked, `corrupted` if files are damaged, `schemaMismatch` if a
  ///   table was made with other codecs, `cancelled` if `progress` throws.
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

  /// Moves the database of a closed store aside, so that the next open restores all of it from the changelog.
  ///
  /// What to do about a damaged database. The files are kept for inspection, in the directory that is returned. Where the
  /// changelog was deleted below a checkpoint, the next open begins with a copy of that; without it nothing is moved. For a
  /// store without a changelog, as long as that can be told, it throws `unsupported`. What a crash interrupts is to be called
  /// again.
  public static func setAside(_ path: String) throws(StoreError) -> String {
    try setAside(path, FileSystem())
  }

  package static func setAside(_ path: String, _ fileSystem: FileSystem) throws(StoreError) -> String {
    let directory = StoreDirectory(path: path, fileSystem)
    let lock = try directory.takeLock()
    return try withExtendedLifetime(lock) { () throws(StoreError) in
      // A database that can still be read tells that nothing could bring it back; so does the log of its own.
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
