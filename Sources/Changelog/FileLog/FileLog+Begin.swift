package import struct Foundation.UUID

extension FileLog {
  /// Makes a log whose first commit follows a receipt at an offset: for a store that has a state already.
  ///
  /// So `receipt(endingAt: base)` is that receipt. The log is synced when this returns; after a crash before that, it is there
  /// whole or not at all.
  ///
  /// - Parameters:
  ///   - parent: the directory to make it in, as for ``open(_:_:options:)``.
  ///   - partition: its name.
  ///   - id: its identity; a random one if it is `nil`.
  ///   - base: where the first commit starts.
  ///   - receipt: the receipt that it follows.
  ///   - first: the commit, as a rule without records, as its changes are in the store.
  ///   - storage: where the files are.
  /// - Throws: `invalidArgument` if the log is there already; `locked` while another makes it.
  package static func begin(
    _ parent: String, _ partition: TopicPartition, id: UUID?, at base: Offset, after receipt: Receipt,
    _ first: consuming Commit, storage: any Storage
  ) throws(StoreError) {
    try partition.validate()
    guard try storage.kind(of: "\(parent)/\(partition)") == nil else {
      throw StoreError(
        .invalidArgument, "the directory is there already", ["directory": "\(parent)/\(partition)"])
    }
    var encoder = CommitEncoder()
    _ = encoder.measure(first)
    _ = encoder.encode(
      first,
      CommitPlacement(
        baseOffset: base, durableOffset: base, epoch: 0, previousReceipt: receipt, timestamp: wallClockMilliseconds()))
    try make(
      parent, partition, id, storage, of: encoder.batch(first.records.bytes).rawSpan, from: base,
      to: base.advanced(by: Int64(first.records.count) + 1))
  }

  /// Makes a log of one commit, whose batch is given, in a directory that isn't there.
  ///
  /// It is made under another name, and renamed when all of it is durable.
  static func make(
    _ parent: String, _ partition: TopicPartition, _ id: UUID?, _ storage: any Storage, of batch: RawSpan,
    from base: Offset, to end: Offset
  ) throws(StoreError) {
    try makeWhole(parent, partition, storage) { (partial) throws(StoreError) in
      try partial.fill(with: batch, from: base, to: end, id)
    }
  }

  /// Makes a log in a directory of another name, empty but for the lock, and renames that once `body` has written it and made
  /// it durable.
  static func makeWhole(
    _ parent: String, _ partition: TopicPartition, _ storage: any Storage,
    _ body: (LogDirectory) throws(StoreError) -> Void
  ) throws(StoreError) {
    let path = "\(parent)/\(partition)"
    let partial = LogDirectory(storage: storage, path: path + ".partial", topicPartition: partition)
    try storage.makeDirectory(partial.path)
    guard let lock = try storage.open(partial.lockPath, .openOrCreate), try lock.tryLock(),
      try lock.isStill(at: partial.lockPath)
    else { throw StoreError(.locked, "another process is creating the log", ["file": partial.lockPath]) }
    try withExtendedLifetime(lock) { () throws(StoreError) in
      // What a crash has left.
      for name in try storage.list(partial.path) ?? [] where partial.path + "/" + name != partial.lockPath {
        try storage.unlink(partial.path + "/" + name)
      }
      try body(partial)
      try storage.rename(partial.path, to: path)
      try storage.syncDirectory(parent)
    }
  }
}

extension LogDirectory {
  /// Writes a log of one commit.
  fileprivate func fill(
    with batch: RawSpan, from base: Offset, to end: Offset, _ id: UUID?
  ) throws(StoreError) {
    let segmentPath = path(base.value, "log")
    guard let segment = try storage.open(segmentPath, .create) else {
      throw StoreError(.inputOutput, "a segment can't be created", ["file": segmentPath])
    }
    try segment.writeAll(batch, at: 0)
    try segment.sync()
    if base > .zero { try recordLogStart(base.value) }
    try recordRecoveryPoint(end.value)
    _ = try createIdentity(id)
  }
}
