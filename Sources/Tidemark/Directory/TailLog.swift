internal import Changelog
internal import RocksDB

/// The changelog of a store that was given none: a file log in the store's directory, of which only the tail is kept.
///
/// Segments below the stored offset are deleted: table files have what they told, and the database is the source of truth.
/// So the store has one commit path like any other, and what it can't do is what needs history.
enum TailLog {
  /// Names the log and the row of its offset.
  static let partition = TopicPartition("local", 0)
  /// Small, as whole segments are deleted.
  private static let segmentBytes = 64 << 20

  /// Opens the log, and makes one for a store in which nothing is stored.
  static func open(
    in directory: StoreDirectory, _ options: StoreOptions, _ stored: StoredState?
  ) throws(StoreError) -> FileLog {
    if let stored, !stored.hasTailLog {
      throw StoreError(
        .wrongChangelog, "the store has a changelog; open the store with it", ["directory": directory.path])
    }
    return try FileLog.open(
      directory.tail, partition,
      options: FileLogOptions(
        durability: options.tailDurability, segmentBytes: segmentBytes, createIfMissing: stored == nil,
        keepsHistory: false),
      storage: directory.storage)
  }

  /// Makes the log of a store that has a state already, but no log: it goes on from there.
  static func begin(in directory: StoreDirectory, after stored: StoredState) throws(StoreError) {
    try directory.storage.removeTree(directory.tail)
    try FileLog.begin(
      directory.tail, partition, id: OffsetsFamily.id(in: stored.identity), at: stored.state.offset,
      after: stored.state.receipt, Commit(position: stored.state.position, streamTime: stored.state.streamTime),
      storage: directory.storage)
  }

  /// Makes a store of version 0.1 without a changelog one with a tail log, which holds the commits that RocksDB's own log
  /// held: opening the database writes them to table files.
  ///
  /// What a crash interrupts is begun again by the next call.
  static func adopt(_ directory: StoreDirectory, _ options: StoreOptions) throws(StoreError) {
    let database = try SharedDatabase(
      try directory.openDatabase(directory.databaseOptions(options), "the database can't be opened"))
    guard var state = try database.state() else { return }
    let id = OffsetsFamily.newID()
    // A log without a commit has the receipt of its identity.
    if state.offset == .zero, let uuid = OffsetsFamily.id(in: id) {
      state.receipt = Receipt(startOf: ChangelogIdentity(id: uuid, topicPartition: partition))
      // Until the rows are in, HEAD must not tell of the receipt that they replace.
      let head = Head(stored: nil, manifest: try directory.manifestNumber() ?? 0)
      try directory.storage.replace(directory.head, with: Array(head.text.utf8))
    }
    try begin(
      in: directory, after: StoredState(state: state, identity: id, hasTailLog: true, formatVersion: .version2))
    var rows = OffsetsRows()
    rows.set(OffsetsFamily.identityKey) { $0.append((id + Array(partition.description.utf8)).rawSpan) }
    rows.setTail()
    rows.set(state, offsetKey: OffsetsFamily.offsetKey(partition))
    try rows.install(in: database, by: directory)
    var head: Head?
    try Head.write(database, directory, over: &head)
  }
}
