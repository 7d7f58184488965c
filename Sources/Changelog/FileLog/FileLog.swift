internal import Foundation

/// A changelog in files, laid out as Kafka's: the source of truth of a store on one machine.
///
/// Any number of processes may read it; one writes. The log keeps everything unless ``deleteCommits(below:)`` is called.
public final class FileLog: Changelog, Sendable {
  /// Which changelog this is.
  public let identity: ChangelogIdentity
  /// It can check each commit, and keeps them as the options say; it carries neither outputs nor offsets of consumer groups.
  public var capabilities: ChangelogCapabilities { options.capabilities }
  /// How it is kept.
  public let options: FileLogOptions
  package let directory: LogDirectory
  private let state = Mutex(State())

  private struct State: Sendable {
    weak var writer: FileLogWriter?
    var lastRecovery: LogRecovery?
  }

  /// Opens the log of a partition in `<parent>/<topic>-<partition>/`, and creates it if the options say so.
  ///
  /// Nothing is locked or repaired: that is up to ``openWriter()``. Throws `corrupted` or `unsupported` if the directory
  /// isn't that of a log.
  public static func open(
    _ parent: String, _ partition: TopicPartition, options: FileLogOptions = FileLogOptions()
  ) throws(StoreError) -> FileLog {
    try open(parent, partition, options: options, storage: POSIXStorage())
  }

  /// Opens a log on other storage than the operating system's.
  package static func open(
    _ parent: String, _ partition: TopicPartition, options: FileLogOptions = FileLogOptions(), storage: any Storage
  ) throws(StoreError) -> FileLog {
    try partition.validate()
    try options.validate()
    let directory = LogDirectory(storage: storage, path: "\(parent)/\(partition)", topicPartition: partition)
    if let identity = try storage.list(directory.path) == nil ? nil : directory.identity() {
      return FileLog(identity, options, directory)
    }
    if try storage.list(directory.path) != nil, try !directory.segments().isEmpty {
      throw StoreError(
        .corrupted, "the changelog has segments but no identity; restore the file from a copy",
        ["file": directory.metadataPath])
    }
    guard options.createIfMissing else {
      throw StoreError(.invalidArgument, "there is no changelog, and none is to be created", ["file": directory.path])
    }
    try storage.makeDirectory(directory.path)
    return FileLog(try directory.createIdentity(), options, directory)
  }

  private init(_ identity: ChangelogIdentity, _ options: FileLogOptions, _ directory: LogDirectory) {
    self.identity = identity
    self.options = options
    self.directory = directory
  }

  /// What the last ``openWriter()`` of this value found; `nil` before.
  public var lastRecovery: LogRecovery? { state.withLock { $0.lastRecovery } }

  /// The offsets and locks of the writer that this value opened, while there is one.
  ///
  /// Waiters keep these and not the writer, so that a writer that is dropped gives its lock back at once.
  var writerState: Mutex<FileLogWriter.State>? { writer?.state }

  /// The writer that this value opened, while it is open.
  var writer: FileLogWriter? {
    state.withLock { state in
      guard let writer = state.writer, !writer.isClosed else { return nil }
      return writer
    }
  }

  /// Takes the lock, recovers the end of the log, and starts a segment of its own for the writer.
  ///
  /// Afterwards everything in the log is durable. A torn end that wasn't known to be durable is cut and reported in
  /// ``lastRecovery``. Throws `locked` while another writer lives, here or in another process; `corrupted`, with nothing
  /// touched, if something known to be durable is damaged.
  public func openWriter() throws(StoreError) -> any ChangelogWriter {
    let storage = directory.storage
    guard let lock = try storage.open(directory.lockPath, .openOrCreate) else {
      throw StoreError(.inputOutput, "the lock file can't be created", ["file": directory.lockPath])
    }
    guard try lock.tryLock(), try lock.isStill(at: directory.lockPath) else {
      let holder = try directory.text(of: directory.lockPath)?.split(separator: "\n").first.map(String.init)
      throw StoreError(
        .locked, "another writer has the changelog", ["process": holder ?? "unknown", "file": directory.lockPath])
    }
    // Whoever made the directory may have died before its name was synced. Not everybody may read the one above.
    try? storage.syncDirectory(storage.parent(of: directory.path))
    try lock.truncate(to: 0)
    var processID = ByteBuffer()
    processID.append(utf8: "\(ProcessInfo.processInfo.processIdentifier)\n")
    try lock.writeAll(processID.bytes, at: 0)

    guard try directory.identity() == identity else {
      throw StoreError(
        .wrongChangelog, "the changelog was recreated since it was opened; open it again", ["file": directory.path])
    }
    let recovered = try recover()
    let epoch = EpochStart(epoch: recovered.epoch, startOffset: recovered.endOffset.value)
    try directory.record(epoch, after: recovered.epochs)
    try directory.recordRecoveryPoint(recovered.endOffset.value)

    // A deposed writer may still hold an empty segment of that name: it goes on in a file without a name.
    let segment = try ActiveSegment.create(directory, base: recovered.endOffset, options, replacing: true)
    let writer = FileLogWriter(
      directory, options, lock: lock, epoch: epoch.epoch, segment: segment, lastReceipt: recovered.lastReceipt,
      recovery: ChangelogRecovery(recovered.report))
    state.withLock {
      $0.writer = writer
      $0.lastRecovery = recovered.report
    }
    writer.startSyncing()
    return writer
  }

  /// Deletes whole segments that end below `offset`, with their indexes.
  ///
  /// The segment with the commit that ends at `offset` stays. Call it only for what a verified checkpoint covers.
  @discardableResult
  public func deleteCommits(below offset: Offset) throws(StoreError) -> Offset {
    let segments = try directory.segments()
    guard let first = segments.first else { return .zero }
    let known = try offsets()
    guard offset <= known.end else {
      throw StoreError(
        .invalidArgument, "commits can't be deleted beyond the end of the log", ["offset": offset, "end": known.end])
    }
    let doomed = zip(segments, segments.dropFirst()).filter { $0.1 < offset.value }
    guard let last = doomed.last else { return Offset(first) }
    // Written first, so that a segment that is missing without it is known as lost.
    try directory.recordLogStart(last.1)
    for (base, _) in doomed {
      for suffix in ["log", "index", "timeindex"] { try directory.storage.unlink(directory.path(base, suffix)) }
      // One by one: a loss of power must not leave a gap between segments.
      try directory.storage.syncDirectory(directory.path)
    }
    return Offset(last.1)
  }
}
