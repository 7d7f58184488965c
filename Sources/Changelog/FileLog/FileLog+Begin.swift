extension FileLog {
  /// Makes a log that begins at an offset, for a store that had as many offsets before.
  ///
  /// Its first commit is without changes. It says how far the store had come, and follows the store's last receipt: so
  /// `receipt(endingAt: base)` is that receipt. The log is synced when this returns; after a crash before that, it is there
  /// whole or not at all.
  ///
  /// - Parameters:
  ///   - parent: the directory to make it in, as for ``open(_:_:options:)``.
  ///   - partition: its name.
  ///   - base: where the first commit starts, above 0: a log that begins at 0 is opened.
  ///   - receipt: the receipt that it follows.
  ///   - position: how far each input partition is consumed.
  ///   - streamTime: the stream time.
  ///   - options: how the log is kept.
  ///   - storage: where its files are.
  /// - Returns: the log.
  /// - Throws: `invalidArgument` if the log is there already, or the offset is impossible; `locked` while another makes it.
  package static func begin(
    _ parent: String, _ partition: TopicPartition, at base: Offset, following receipt: Receipt, position: Position,
    streamTime: Timestamp?, options: FileLogOptions = FileLogOptions(), storage: any Storage = POSIXStorage()
  ) throws(StoreError) -> FileLog {
    try partition.validate()
    try options.validate()
    guard base > .zero, base.value <= RecordBatchHeader.greatestBaseOffset else {
      throw StoreError(.invalidArgument, "no log can begin at the offset", ["offset": base])
    }
    let path = "\(parent)/\(partition)"
    guard try storage.kind(of: path) == nil else {
      throw StoreError(.invalidArgument, "the directory is there already", ["directory": path])
    }
    let commit = Commit(position: position, streamTime: streamTime)
    var encoder = CommitEncoder()
    _ = encoder.measure(commit)
    _ = encoder.encode(
      commit,
      CommitPlacement(
        baseOffset: base, durableOffset: base, epoch: 0, previousReceipt: receipt, timestamp: wallClockMilliseconds()))
    return try make(
      parent, partition, options, storage, of: encoder.headBytesOfEmptyCommit, from: base, to: base.advanced(by: 1))
  }

  /// Makes a log of one commit, whose batch is given, with an identity of its own, in a directory that isn't there.
  ///
  /// It is made under another name, and renamed when all of it is durable.
  static func make(
    _ parent: String, _ partition: TopicPartition, _ options: FileLogOptions, _ storage: any Storage,
    of batch: RawSpan, from base: Offset, to end: Offset
  ) throws(StoreError) -> FileLog {
    let path = "\(parent)/\(partition)"
    let partial = LogDirectory(storage: storage, path: path + ".partial", topicPartition: partition)
    try storage.makeDirectory(partial.path)
    guard let lock = try storage.open(partial.lockPath, .openOrCreate), try lock.tryLock(),
      try lock.isStill(at: partial.lockPath)
    else { throw StoreError(.locked, "the log is being made by another", ["file": partial.lockPath]) }
    return try withExtendedLifetime(lock) { () throws(StoreError) in
      try partial.fill(with: batch, from: base, to: end)
      try storage.rename(partial.path, to: path)
      try storage.syncDirectory(parent)
      return try FileLog.open(parent, partition, options: options, storage: storage)
    }
  }
}

extension LogDirectory {
  /// Writes a log of one commit.
  fileprivate func fill(with batch: RawSpan, from base: Offset, to end: Offset) throws(StoreError) {
    // What a crash has left.
    for name in try storage.list(path) ?? [] where path + "/" + name != lockPath {
      try storage.unlink(path + "/" + name)
    }
    let segmentPath = path(base.value, "log")
    guard let segment = try storage.open(segmentPath, .create) else {
      throw StoreError(.inputOutput, "a segment can't be created", ["file": segmentPath])
    }
    try segment.writeAll(batch, at: 0)
    try segment.sync()
    try recordLogStart(base.value)
    try recordRecoveryPoint(end.value)
    _ = try createIdentity()
  }
}
