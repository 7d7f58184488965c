internal import Changelog
internal import CoreMetrics
internal import Logging
internal import RocksDB

/// The observable events of a store: log messages, and metrics if a factory is set.
///
/// RocksDB's callbacks hold this and not the store.
final class StoreObserver: Sendable {
  let logger: Logger
  let metrics: StoreMetrics?
  private let stall = Mutex(StallState())
  private let restore = Mutex(RestoreState())

  /// At most how often the progress of a restore is logged.
  private let progressInterval: Duration

  private struct StallState {
    /// The column families whose writes wait.
    var families: [String: WriteStall] = [:]
    var onChange: (@Sendable () -> Void)?
    var since: ContinuousClock.Instant?
  }

  private struct RestoreState {
    /// What was reported so far.
    var records = 0
    var startOffset: Offset?
    var lastMessage = ContinuousClock.now
  }

  init(
    _ options: StoreOptions, _ directory: StoreDirectory, _ changelog: ChangelogIdentity?,
    progressInterval: Duration = .seconds(5)
  ) {
    self.progressInterval = progressInterval
    let store = changelog?.topicPartition.description ?? directory.path
    var logger = options.logger
    logger[metadataKey: "store"] = "\(store)"
    self.logger = logger
    metrics = StoreMetrics(options.metrics ?? MetricsSystem.factory, store: store)
  }

  // MARK: Opening and closing

  /// The end of the changelog was recovered.
  func recovered(_ recovery: ChangelogRecovery) {
    guard let cut = recovery.cut else { return }
    logger.warning(
      "the changelog's torn end was cut",
      metadata: [
        "file": "\(cut.place)", "offset": "\(cut.offset)", "bytes": "\(cut.byteCount)",
        "reason": "\(cut.reason ?? "none")",
      ])
  }

  /// Records were applied at open, or are about to be.
  func restored(_ progress: OpenProgress) {
    let isReady = progress.phase == .ready
    let (records, logs) = restore.withLock { state in
      // Fewer where a restore begins again.
      let records = max(0, progress.records - state.records)
      state.records = progress.records
      state.startOffset = progress.startOffset
      let logs = !isReady && state.lastMessage.duration(to: .now) >= progressInterval
      if logs { state.lastMessage = .now }
      return (records, logs)
    }
    metrics?.restored(
      records: records, perSecond: progress.recordsPerSecond,
      remaining: progress.endOffset.value - progress.offset.value)
    guard logs else { return }
    logger.info(
      "the store is being restored",
      metadata: [
        "offset": "\(progress.offset)", "end-offset": "\(progress.endOffset)", "records": "\(progress.records)",
        "records-per-second": "\(Int(progress.recordsPerSecond))",
        "time-left": "\(progress.timeLeft.map { "\($0)" } ?? "unknown")",
      ])
  }

  /// What a restore had sorted is damaged.
  func discardedRuns(_ error: StoreError) {
    logger.warning(
      "sorted runs of a restore are damaged; the changelog is read again", metadata: ["error": "\(error)"])
  }

  func opened(_ directory: StoreDirectory, at offset: Offset, epoch: Int32, in duration: Duration) {
    let restored = restore.withLock { $0 }
    logger.info(
      "the store is open",
      metadata: [
        "directory": "\(directory.path)", "offset": "\(offset)",
        "restored-from": "\(restored.startOffset ?? offset)", "restored-records": "\(restored.records)",
        "epoch": "\(epoch)", "duration": "\(duration)",
      ])
  }

  func closed() {
    metrics?.close()
    logger.debug("the store is closed")
  }

  // MARK: Failures

  /// The store takes no more writes.
  func failed(_ error: StoreError) {
    logger.error("the store takes no more writes", error: error, metadata: ["kind": "\(error.kind.rawValue)"])
  }

  /// RocksDB failed in the background, and takes no more writes.
  func backgroundFailed(_ error: RocksDBError) {
    metrics?.backgroundFailed()
    logger.error("the database failed in the background", error: error)
  }

  /// A compaction failed that RocksDB repeats.
  func compactionFailed(_ error: RocksDBError) {
    metrics?.backgroundFailed()
    logger.error("a compaction failed, and will be repeated", error: error)
  }

  /// `HEAD` stayed as it was; the next application writes it.
  func skippedHead(_ error: StoreError) {
    logger.warning("there is no space for HEAD; it is written with the next table files", error: error)
  }

  /// Runs can't be written to table files for lack of space, and stay in memory and in the changelog.
  func postponed(_ error: StoreError) {
    logger.warning("there is no space for table files; commits wait in memory, and the store tries again", error: error)
  }

  // MARK: While it works

  /// How many column families' writes wait.
  var stalledFamilies: Int { stall.withLock { $0.families.count } }

  /// Whether RocksDB would slow writes down or stop them.
  var worstStall: WriteStall { stall.withLock { $0.families.values.max() ?? .none } }

  /// Calls `body` whenever that may have changed.
  func onStallChanged(_ body: @escaping @Sendable () -> Void) { stall.withLock { $0.onChange = body } }

  /// RocksDB begins or ends to slow down or stop the writes of a column family.
  func stallChanged(of family: String, to stall: WriteStall) {
    let (before, after, ended, onChange) = self.stall.withLock { state in
      let before = state.families.values.max() ?? .none
      state.families[family] = stall == .none ? nil : stall
      let after = state.families.values.max() ?? .none
      var ended: Duration?
      if after == .none {
        ended = state.since?.duration(to: .now)
        state.since = nil
      } else if state.since == nil {
        state.since = .now
      }
      return (before, after, ended, state.onChange)
    }
    onChange?()
    if let ended {
      metrics?.stallEnded(after: ended)
      logger.info("writes go on at full speed", metadata: ["duration": "\(ended)"])
    } else if after > before {
      logger.warning(
        after == .stopped
          ? "writes are stopped until flushes and compactions have caught up"
          : "writes are slowed down until flushes and compactions have caught up", metadata: ["family": "\(family)"])
    }
  }

  /// A snapshot outlived its time.
  func expired(snapshotAt offset: Offset, after age: Duration) {
    logger.notice("a snapshot has expired", metadata: ["offset": "\(offset)", "age": "\(age)"])
  }
}
