public import Changelog
internal import RocksDB

/// One directory, one RocksDB instance, one writer, one changelog partition: the state of a stream processor, always
/// exactly the replay of its changelog up to the offset stored beside it.
///
/// Calls block; any thread may make them. ``open(_:tables:changelog:options:progress:whileRestoring:)`` gets one.
public final class StateStore: Sendable {
  private let engine: Mutex<Engine?>
  private let signals: MaintenanceSignals
  private let observer: StoreObserver

  init(_ engine: Engine) {
    self.engine = Mutex(engine)
    signals = engine.signals
    observer = engine.observer
    Maintenance.start(engine)
  }

  deinit {
    guard engine.withLock({ $0 != nil }) else { return }
    signals.stop()
    observer.metrics?.close()
  }

  /// Begins the store's transaction; there is one at a time, and it may be used for many commits.
  ///
  /// Throws `locked` while another is alive.
  public func begin() throws(StoreError) -> Transaction {
    let engine = try opened()
    try engine.beginTransaction()
    return Transaction(TransactionCore(engine, owner: self))
  }

  /// Runs `body` in a transaction of its own, commits when it returns and aborts when it throws.
  @discardableResult
  public func write<R>(_ position: Position = [:], _ body: (inout Transaction) throws -> R) throws -> R {
    var transaction = try begin()
    let result = try body(&transaction)
    try transaction.commit(position)
    return result
  }

  /// A view of the last commit.
  ///
  /// It doesn't wait for a commit that is being logged, nor for the database, but for scans of uncommitted changes to begin.
  public func snapshot() throws(StoreError) -> Snapshot { Snapshot(view: try opened().makeView()) }

  /// Reads that always see the latest: of what is committed, or also of what the store's transaction has changed so far.
  ///
  /// Make one and use it for as long as the store is open.
  public func reader(_ isolation: IsolationLevel = .readCommitted) throws(StoreError) -> Reader {
    Reader(try opened(), isolation)
  }

  /// Writes what is committed to table files, so that a crash right afterwards has nothing to restore.
  public func flush() throws(StoreError) {
    let engine = try opened()
    try engine.health.check()
    try engine.flush()
  }

  /// Closes the store: what is committed is written to table files, and the changelog's writer is closed.
  ///
  /// The directory is free for another once the last transaction, snapshot, reader and cursor of the store are gone. Throws what
  /// stopped the store, if anything did; it is closed all the same.
  public func close() throws(StoreError) {
    // Taken at once, so that a second call finds nothing to close.
    guard let engine = engine.withLock({ $0.take() }) else { return }
    signals.stop()
    engine.options.budget.leave(engine)
    defer { observer.closed() }
    var failure = engine.health.failure
    if failure == nil {
      do throws(StoreError) { try engine.flush() } catch { failure = error }
    }
    engine.close()
    do throws(StoreError) { try engine.writer.close() } catch { failure = failure ?? error }
    if let failure { throw failure }
  }

  /// The engine; throws `closed` after ``close()``.
  func opened() throws(StoreError) -> Engine {
    guard let engine = engine.withLock({ $0 }) else { throw StoreError(.closed, "the store is closed") }
    return engine
  }
}
