extension FileLog {
  /// Makes a log that goes on from a commit of this one, with an identity of its own.
  ///
  /// It holds that commit and no earlier one, so its stores start from a checkpoint: of this log, taken or restored at that
  /// very offset, and forked to the new one (`Checkpoint.fork(to:changelog:)`). Both logs go on from there, each for itself.
  /// The new log is synced when this returns; after a crash before that, it isn't there.
  ///
  /// - Parameters:
  ///   - parent: the directory to make it in, as for ``open(_:_:options:)``.
  ///   - partition: its name.
  ///   - offset: where the commit ends.
  /// - Returns: the new log.
  /// - Throws: `invalidArgument` if no commit ends there, if it is the first of all (most often that defines the tables, and
  ///   an empty store is no worse), or if the new log is there already; `locked` while another makes it.
  public func fork(
    to parent: String, _ partition: TopicPartition, at offset: Offset
  ) throws(StoreError) -> FileLog {
    try partition.validate()
    let storage = directory.storage
    let path = "\(parent)/\(partition)"
    guard try storage.list(path) == nil else {
      throw StoreError(.invalidArgument, "the directory is there already", ["directory": path])
    }
    let segments = try directory.segments()
    let notThere = StoreError(
      .invalidArgument, "no commit of the log ends at the offset, or only the first",
      ["offset": offset, "file": directory.path])
    guard let first = segments.first, first < offset.value else { throw notThere }
    var cursor = try LogCursor(directory, segments, near: offset.advanced(by: -1), windowBytes: 1 << 15)
    var tail = LogTail(log: self)
    repeat { guard try tail.advance(&cursor, until: offset) else { throw notThere } } while cursor.expected < offset
    let base = cursor.batch.header.baseOffset
    guard cursor.expected == offset, base > 0 else { throw notThere }

    let partial = LogDirectory(storage: storage, path: path + ".partial", topicPartition: partition)
    try Self.createDirectory(partial.path, storage)
    guard let lock = try storage.open(partial.lockPath, .openOrCreate), try lock.tryLock() else {
      throw StoreError(.locked, "the fork is being made by another", ["file": partial.lockPath])
    }
    // What a crash has left.
    for name in try storage.list(partial.path) ?? [] where partial.path + "/" + name != partial.lockPath {
      try storage.unlink(partial.path + "/" + name)
    }
    guard let segment = try storage.open(partial.path(base, "log"), .create) else {
      throw StoreError(.inputOutput, "a segment can't be created", ["file": partial.path(base, "log")])
    }
    try segment.writeAll(cursor.batch.bytes, at: 0)
    try segment.sync()
    try partial.recordLogStart(base)
    try partial.recordRecoveryPoint(offset.value)
    _ = try partial.createIdentity()
    try storage.rename(partial.path, to: path)
    try storage.syncDirectory(parent)
    return try FileLog.open(parent, partition, options: options, storage: storage)
  }
}
