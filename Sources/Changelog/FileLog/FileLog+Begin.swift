package import struct Foundation.UUID

extension FileLog {
  /// Makes a log whose first commit, without records, follows a receipt at an offset: for a store that has a state already.
  ///
  /// After a crash it is there whole or not at all, once `parent` is synced. Throws `invalidArgument` if it is there.
  package static func begin(
    _ parent: String, _ partition: TopicPartition, id: UUID?, at base: Offset, after receipt: Receipt,
    _ first: consuming Commit, storage: any Storage
  ) throws(StoreError) {
    try partition.validate()
    let path = "\(parent)/\(partition)"
    guard try storage.list(path) == nil else {
      throw StoreError(.invalidArgument, "the directory is there already", ["directory": path])
    }
    let partial = LogDirectory(storage: storage, path: path + ".partial", topicPartition: partition)
    try storage.removeTree(partial.path)
    try storage.makeDirectory(partial.path)
    let segmentPath = partial.path(base.value, "log")
    guard let segment = try storage.open(segmentPath, .create) else {
      throw StoreError(.inputOutput, "a segment can't be created", ["file": segmentPath])
    }
    var encoder = CommitEncoder()
    _ = encoder.measure(first)
    _ = encoder.encode(
      first,
      CommitPlacement(
        baseOffset: base, durableOffset: base, epoch: 0, previousReceipt: receipt, timestamp: wallClockMilliseconds()))
    _ = try encoder.write(first.records.bytes, to: segment, at: 0)
    try segment.sync()
    let end = base.advanced(by: Int64(first.records.count) + 1)
    if base > .zero { try partial.recordLogStart(base.value) }
    try partial.recordRecoveryPoint(end.value)
    _ = try partial.createIdentity(id)
    try storage.rename(partial.path, to: path)
    try storage.syncDirectory(parent)
  }
}
