public import Changelog
internal import CoreMetrics
internal import Foundation
internal import RocksDB

extension StateStore {
  /// Restores the state at an earlier point, as a checkpoint: nothing else changes, and a store of the changelog may be
  /// open meanwhile.
  ///
  /// Commits that aren't known to be durable aren't included. ``flush()`` makes all commits of a store durable, but
  /// only the changelog object with which the store was opened knows this at once; other objects know it after the
  /// store is closed. After a crash or an error, call it again with the same arguments to resume. `path` gets its name
  /// once it is complete and verified.
  ///
  /// - Parameters:
  ///   - path: the checkpoint's directory, which must not exist.
  ///   - changelog: the changelog to replay.
  ///   - point: the last commit to include.
  ///   - checkpoint: an earlier state to start from; needed where the changelog was deleted below an offset.
  ///   - options: as for ``open(_:tables:changelog:options:progress:whileRestoring:)``.
  ///   - progress: called now and then on the calling thread; if it throws, restoring ends with `cancelled`.
  /// - Returns: the checkpoint. ``Checkpoint/copy(to:)`` makes a store from it that catches up with the changelog,
  ///   ``Checkpoint/fork(to:changelog:options:)`` makes a checkpoint for another changelog, which continues from there.
  /// - Throws: `invalidArgument` if `path` exists, or `checkpoint` is later than the point; `unsupported` if the
  ///   changelog doesn't keep its history; and the errors of opening.
  public static func restore(
    to path: String, from changelog: any Changelog, upTo point: ChangelogPoint,
    startingFrom checkpoint: Checkpoint? = nil, options: StoreOptions = StoreOptions(),
    progress: (OpenProgress) throws -> Void = { _ in }
  ) throws(StoreError) -> Checkpoint {
    try changelog.requireHistory("an earlier state can't be restored")
    let target = StoreDirectory(path: path, options.fileSystem)
    let past = ChangelogPrefix(changelog: changelog, end: try durableEnd(of: changelog, at: point))
    try target.withLockedPartial { (partial) throws(StoreError) in try prepare(partial, past, checkpoint) }
    var options = options
    options.createIfMissing = true
    // A store of the same changelog may be open, whose metrics have its name.
    options.metrics = NOOPMetricsHandler.instance
    do throws(StoreError) {
      let store = try open(target.partial.path, tables: [], changelog: past, options: options, progress: progress)
      try store.flush()
      try store.close()
    } catch {
      if error.kind == .corrupted {
        try target.withLockedPartial { (partial) throws(StoreError) in try partial.removeContents() }
      }
      throw error
    }
    return try target.withLockedPartial { (partial) throws(StoreError) in
      for file in [partial.ingestion, partial.restore, partial.base] { try partial.storage.removeTree(file) }
      let restored: Checkpoint
      do throws(StoreError) { restored = try Checkpoint.verified(partial) } catch {
        // The next call starts from the beginning.
        try partial.removeContents()
        throw error
      }
      guard restored.offset == past.end else {
        throw StoreError(.locked, "another call restores to the same directory", ["directory": path])
      }
      try partial.rename(to: target)
      return restored.moved(to: path)
    }
  }

  private static func durableEnd(of changelog: any Changelog, at point: ChangelogPoint) throws(StoreError) -> Offset {
    let durable = try changelog.offsets().durable
    let end = try changelog.end(at: point)
    return end <= durable ? end : try changelog.end(at: .offset(durable))
  }

  /// Keeps the files of an interrupted attempt with the same end, or starts with a copy of the checkpoint.
  private static func prepare(
    _ partial: StoreDirectory, _ past: ChangelogPrefix, _ checkpoint: Checkpoint?
  ) throws(StoreError) {
    if let checkpoint, checkpoint.offset > past.end {
      throw StoreError(
        .invalidArgument, "the checkpoint is later than the given offset or time; name an earlier one",
        ["checkpoint": checkpoint.directory, "its offset": checkpoint.offset, "offset of the point": past.end])
    }
    if let stored = try? StoredState.read(partial, .forOneLook),
      stored.identity == OffsetsFamily.encode(past.identity),
      let head = try? partial.storage.contents(of: partial.head), (try? Head(parsing: head, file: partial.head)) != nil,
      stored.state.offset <= past.end, stored.state.offset >= checkpoint?.offset ?? .zero,
      try past.receipt(endingAt: stored.state.offset) == stored.state.receipt
    {
      return
    }
    try partial.removeContents()
    try checkpoint?.copyFiles(to: partial)
  }
}

extension Checkpoint {
  /// Copies the checkpoint to a directory that doesn't exist, as a checkpoint for another changelog, which continues
  /// from the same commit: ``FileLog/fork(to:_:at:)`` makes such a changelog.
  ///
  /// ``copy(to:)`` makes a store from the returned checkpoint. Keep the checkpoint as long as the store: the other
  /// changelog has no earlier commits.
  ///
  /// - Parameters:
  ///   - path: the directory to create.
  ///   - changelog: the changelog that continues from the checkpoint.
  ///   - options: those that the store is opened with.
  /// - Returns: the new checkpoint.
  /// - Throws: `invalidArgument` if `path` exists, `wrongChangelog` if the changelog doesn't have the last commit of
  ///   the checkpoint.
  public func fork(
    to path: String, changelog: any Changelog, options: StoreOptions = StoreOptions()
  ) throws(StoreError) -> Checkpoint {
    guard try changelog.receipt(endingAt: offset) == receipt else {
      throw StoreError(
        .wrongChangelog, "the changelog doesn't have the commit that the checkpoint ends with; fork it at that offset",
        ["changelog": changelog.identity, "offset": offset, "receipt": receipt])
    }
    var forked = self
    try StoreDirectory(path: path, place.fileSystem).make { (partial) throws(StoreError) in
      try place.copyStore(to: partial)
      // Before it is opened for writing: a damaged copy must not become another state.
      let copy = try Checkpoint.unverified(partial)
      guard copy.offset == offset, copy.receipt == receipt else {
        throw StoreError(.corrupted, "the checkpoint has changed", ["directory": directory])
      }
      try Self.rewriteIdentity(in: partial, changelog.identity, options)
      forked = try Checkpoint.verified(partial)
    }
    return forked.moved(to: path)
  }

  /// Changes the identity of a checkpoint's database to that of another changelog.
  private static func rewriteIdentity(
    in directory: StoreDirectory, _ changelog: ChangelogIdentity, _ options: StoreOptions
  ) throws(StoreError) {
    var options = options
    // One row changes; the rest is shared.
    options.columnFamilyOptions["disable_auto_compactions"] = "true"
    let database = try directory.openDatabase(
      directory.databaseOptions(options), "the checkpoint can't be opened")
    let shared = try SharedDatabase(database)
    guard let state = try shared.state(), let former = try shared.row(OffsetsFamily.identityKey) else {
      throw StoreError(.corrupted, "a checkpoint holds no stored offset", ["directory": directory.path])
    }
    var rows = OffsetsRows()
    // The offset of the original partition, whose name follows the id.
    rows.delete(Array(former.dropFirst(16)))
    rows.delete(OffsetsFamily.tailKey)
    rows.set(OffsetsFamily.identityKey) { $0.append(OffsetsFamily.encode(changelog).rawSpan) }
    rows.set(state, offsetKey: OffsetsFamily.offsetKey(changelog.topicPartition))
    try rows.install(in: shared, by: directory)
    try directory.storage.removeTree(directory.ingestion)
    var head: Head?
    try Head.write(shared, directory, over: &head)
  }
}
