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
    let isThere = try storage.kind(of: directory.path) == .directory
    if isThere, let identity = try directory.identity() { return FileLog(identity, options, directory) }
    if isThere, try !directory.segments().isEmpty {
      // Another opener may have created the log since the first look: the identity comes before any segment.
      if let identity = try directory.identity() { return FileLog(identity, options, directory) }
      throw StoreError(
        .corrupted, "the changelog has segments but no identity; restore the file from a copy",
        ["file": directory.metadataPath])
    }
    guard options.createIfMissing else {
      throw StoreError(.invalidArgument, "there is no changelog; createIfMissing is false", ["file": directory.path])
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

  /// Takes the lock, recovers the end of the log, and gives the writer a file of its own: it goes on in the last segment if
  /// that is small, in a copy, or else starts one.
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
    try storage.syncName(of: directory.path)
    try lock.truncate(to: 0)
    var processID = ByteWriter()
    processID.append(utf8: "\(ProcessInfo.processInfo.processIdentifier)\n")
    try lock.writeAll(processID.bytes, at: 0)

    guard try directory.identity() == identity else {
      throw StoreError(
        .wrongChangelog, "the changelog was recreated since it was opened; open it again", ["file": directory.path])
    }
    // Held until the writer has its file: no other writer takes the log over before, even if the lock file is removed.
    let epochFile = try WriterEpoch.lock(directory)
    // Read once: what is recorded must follow what the epoch was taken from.
    let epochs = try directory.epochs()
    let recorded = try directory.epoch(after: -1, directory.writerEpochPath, epochs) - 1
    let taken = try WriterEpoch.raise(epochFile, in: directory, above: recorded)
    let recovered = try recover(epochs)
    let epoch = try taken.raised(above: recovered.lastEpoch)
    try directory.record(EpochStart(epoch: epoch.epoch, startOffset: recovered.endOffset.value), after: epochs)
    if recovered.recoveryPoint != recovered.endOffset.value {
      try directory.recordRecoveryPoint(recovered.endOffset.value)
    }
    let writer = FileLogWriter(
      directory, options, lock: lock, epoch, try ActiveSegment.open(directory, after: recovered, options),
      endOffset: recovered.endOffset, lastReceipt: recovered.lastReceipt,
      recovery: ChangelogRecovery(recovered.report))
    withExtendedLifetime(epochFile) {}
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
    try deleteCommits(below: offset, keepsLastCommit: true)
  }

  /// Deletes whole segments below `offset`; without `keepsLastCommit`, also the one that ends there, as a store needs that has
  /// the commit's receipt itself (``receipt(endingAt:)`` at the start tells it as well).
  ///
  /// Then the segment that the writer appends to is left, too, once there is nothing else in it and it has a quarter of
  /// its size. So a log of which all is deleted that is stored keeps the segments of what isn't, and two. The last commit of the
  /// log always stays. It costs a listing of the directory, and where there are segments to delete, a sync for each and two.
  @discardableResult
  package func deleteCommits(below offset: Offset, keepsLastCommit: Bool) throws(StoreError) -> Offset {
    let writer = writer
    let segments = try directory.segments()
    guard let first = segments.first else { return .zero }
    let (end, durable): (Offset, Offset)
    if let writer {
      // In this order: what is durable was appended.
      durable = writer.durableOffset
      end = writer.endOffset
    } else {
      let offsets = try offsets()
      (end, durable) = (offsets.end, offsets.durable)
    }
    guard offset <= end else {
      throw StoreError(
        .invalidArgument, "commits can't be deleted beyond the end of the log", ["offset": offset, "end": end])
    }
    if !keepsLastCommit { writer?.unneeded(below: offset) }
    let doomed = zip(segments, segments.dropFirst()).filter {
      // The receipt at a segment's start is that which its first commit follows: so that must not be lost with the power.
      keepsLastCommit ? $0.1 < offset.value : $0.1 <= offset.value && $0.1 < durable.value
    }
    guard let last = doomed.last else { return Offset(first) }
    // Written first, so that a segment that is missing without it is known as lost.
    try directory.recordLogStart(last.1)
    for (base, _) in doomed {
      for suffix in ["log", "index", "timeindex"] { try directory.storage.unlink(directory.path(base, suffix)) }
      // One by one: removals that aren't synced survive a loss of power in any order, and must not leave a gap.
      try directory.storage.syncDirectory(directory.path)
    }
    return Offset(last.1)
  }
}
