internal import Changelog
internal import RocksDB

/// The parts of an open store.
struct OpenStore: Sendable {
  let materializer: Materializer
  let writer: StoreWriter
  let changelog: any Changelog
  /// Whether the changelog is the store's own tail log: there is none but that.
  let hasTailLog: Bool
  let replayRate: ReplayRate

  var directory: StoreDirectory { materializer.directory }
  var options: StoreOptions { materializer.options }
  var database: SharedDatabase { materializer.database }
  var observer: StoreObserver { materializer.observer }
  var health: Health { materializer.health }
  var usage: StoreUsage { materializer.usage }
  var tables: OpenTables { writer.tables }
  /// The last commit.
  var committed: CommittedState { materializer.state }

  /// A view of the last commit.
  func makeView() throws(StoreError) -> View { try materializer.makeView(of: tables) }

  /// How long the replay after a crash would take, from the stored offset on.
  func predictedRestart(storedOffset: Offset) -> Duration {
    storedOffset < committed.offset ? replayRate.duration(of: materializer.lagBytes(stored: storedOffset)) : .zero
  }

  /// What gauges tell at the moment.
  func readings() -> StoreReadings {
    // In this order, so that no lag is below zero.
    let durable = writer.log.durableOffset
    let stored = materializer.storedOffset
    let committed = committed.offset
    return StoreReadings(
      usage: usage, budget: options.budget, database: database, durableOffset: durable, storedOffset: stored,
      committedOffset: committed, storedLagBytes: materializer.lagBytes(stored: stored),
      predictedRestart: predictedRestart(storedOffset: stored), stalledTables: observer.stalledFamilies)
  }

  /// Throws `unsupported` for what a tail log can't do, as it doesn't keep the store's history.
  func checkKeepsHistory(_ what: StaticString) throws(StoreError) {
    guard hasTailLog else { return }
    throw StoreError(
      .unsupported, "\(what): a store without a changelog keeps only its last commits; open it with a changelog",
      ["directory": directory.path])
  }
}

/// What a store does by the clock: it ends old snapshots and publishes gauges.
///
/// On a thread of its own, which never waits for the disk: while table files stall, snapshots expire all the same.
final class StoreWatch: Sendable {
  private let job = Scheduler.Job(on: .clock)
  private let publishAt = Mutex(ContinuousClock.now)

  /// Begins, for a store that it doesn't keep open.
  func start(_ store: OpenStore) {
    let (metrics, interval) = (store.observer.metrics, max(store.options.metricsInterval, .milliseconds(1)))
    // Of all parts the materializer and the writer are referred to weakly: they own the rest.
    let (changelog, hasTailLog, rate) = (store.changelog, store.hasTailLog, store.replayRate)
    job.start { [publishAt, weak materializer = store.materializer, weak writer = store.writer] in
      guard let materializer, let writer else { return nil }
      let expiry = materializer.expireViews()
      guard let metrics else { return expiry }
      let next = publishAt.withLock { publishAt in
        let now = ContinuousClock.now
        guard publishAt <= now else { return publishAt }
        let store = OpenStore(
          materializer: materializer, writer: writer, changelog: changelog, hasTailLog: hasTailLog, replayRate: rate)
        metrics.gauges.publish(store.readings())
        publishAt = now.advanced(by: min(interval, .seconds(365 * 86_400)))
        return publishAt
      }
      return min(expiry ?? next, next)
    }
    store.materializer.onFirstView { [job] in job.wake() }
  }

  func stop() { job.cancel() }
}
