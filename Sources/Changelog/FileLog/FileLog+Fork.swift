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
    let storage = directory.storage
    try FileLog.make(
      parent, partition, nil, storage, of: cursor.batch.bytes, from: Offset(cursor.batch.header.baseOffset), to: offset)
    return try FileLog.open(parent, partition, options: options, storage: storage)
  }

  /// Throws `invalidArgument` if a log's directory is there.
  func checkIsFree(_ path: String) throws(StoreError) {
    guard try directory.storage.list(path) == nil else {
      throw StoreError(.invalidArgument, "the directory is there already", ["directory": path])
    }
  }
}
