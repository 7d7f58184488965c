extension FileLog {
  /// Makes a log that goes on from a commit of this one, with an identity of its own.
  ///
  /// It holds that commit and no earlier one, so its stores start from a checkpoint: of this log, taken or restored at that
  /// very offset, and forked to the new one (`Checkpoint.fork(to:changelog:options:)`). Both logs go on from there, each for itself.
  /// The new log is synced when this returns; after a crash before that, it is there whole or not at all.
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
    try requireHistory("a log can't be forked")
    try partition.validate()
    try checkIsFree("\(parent)/\(partition)")
    let segments = try directory.segments()
    let notThere = StoreError(
      .invalidArgument, "no commit of the log ends at the offset, or only the first",
      ["offset": offset, "file": directory.path])
    guard let cursor = try cursor(endingAt: offset, segments), cursor.batch.header.baseOffset > 0 else {
      throw notThere
    }
    return try make(in: parent, partition) { (partial) throws(StoreError) in try write(cursor.batch, to: partial) }
  }

  /// Throws `invalidArgument` if a log's directory is there.
  func checkIsFree(_ path: String) throws(StoreError) {
    guard try directory.storage.list(path) == nil else {
      throw StoreError(.invalidArgument, "the directory is there already", ["directory": path])
    }
  }

  /// Makes a log in a directory beside its place, empty but for the lock, and moves it there once `body` has written it.
  func make(
    in parent: String, _ partition: TopicPartition, _ body: (LogDirectory) throws(StoreError) -> Void
  ) throws(StoreError) -> FileLog {
    let storage = directory.storage
    let path = "\(parent)/\(partition)"
    let partial = LogDirectory(storage: storage, path: path + ".partial", topicPartition: partition)
    try storage.makeDirectory(partial.path)
    guard let lock = try storage.open(partial.lockPath, .openOrCreate), try lock.tryLock(),
      try lock.isStill(at: partial.lockPath)
    else { throw StoreError(.locked, "the log is being made by another", ["file": partial.lockPath]) }
    return try withExtendedLifetime(lock) { () throws(StoreError) in
      // What a crash has left.
      for name in try storage.list(partial.path) ?? [] where partial.path + "/" + name != partial.lockPath {
        try storage.unlink(partial.path + "/" + name)
      }
      try body(partial)
      try storage.rename(partial.path, to: path)
      try storage.syncDirectory(parent)
      return try FileLog.open(parent, partition, options: options, storage: storage)
    }
  }

  /// Writes a log of one commit of another.
  private func write(_ batch: RecordBatch, to partial: LogDirectory) throws(StoreError) {
    let storage = directory.storage
    let header = batch.header
    let base = header.baseOffset
    guard let segment = try storage.open(partial.path(base, "log"), .create) else {
      throw StoreError(.inputOutput, "a segment can't be created", ["file": partial.path(base, "log")])
    }
    try segment.writeAll(batch.bytes, at: 0)
    try segment.sync()
    try partial.recordLogStart(base)
    try partial.recordRecoveryPoint(header.endOffset)
    _ = try partial.createIdentity()
  }
}
