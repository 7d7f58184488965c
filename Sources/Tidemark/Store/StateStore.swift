public import Changelog
internal import RocksDB

/// One directory, one RocksDB instance, one writer, one changelog partition: the state of a stream processor, always
/// exactly the replay of its changelog up to the offset stored beside it.
///
/// Calls block; any thread may make them. In tasks, `await` the async variants of `write`, `read` and
/// `snapshot(atLeast:)`, which don't block the cooperative pool.
/// ``open(_:tables:changelog:options:progress:whileRestoring:)`` opens a store.
public final class StateStore: Sendable {
  private let parts: Mutex<OpenStore?>
  private let watch = StoreWatch()
  /// The actor that runs async writes.
  let actor = StoreActor()

  init(_ store: OpenStore) {
    parts = Mutex(store)
    store.materializer.start()
    watch.start(store)
  }

  deinit {
    guard let store = parts.withLock({ $0.take() }) else { return }
    stopJobs(of: store)
    store.observer.metrics?.close()
  }

  private func stopJobs(of store: OpenStore) {
    watch.stop()
    store.materializer.stop()
  }

  /// Begins the store's transaction; there is one at a time, and it may be used for many commits.
  ///
  /// Throws `locked` while another transaction is alive.
  public func begin() throws(StoreError) -> Transaction {
    let store = try opened()
    return Transaction(try store.writer.beginTransaction(owner: self))
  }

  /// Runs `body` in a transaction of its own, commits when it returns and aborts when it throws.
  ///
  /// The closure can't commit itself: ``Transaction/commit(_:)`` throws `invalidArgument` there. If the closure returns
  /// after ``Transaction/abort()``, nothing is committed and the write throws `invalidArgument`. Throws `locked` while
  /// another transaction of the store is alive, and the errors of a commit.
  @discardableResult
  public func write<R>(_ position: Position = [:], _ body: (inout Transaction) throws -> R) throws -> R {
    try attemptWrite(position, body).get()
  }

  /// Runs `body` in a transaction, commits when it returns and aborts when it throws; throws only `StoreError`.
  @discardableResult
  public func write<R>(
    _ position: Position = [:], _ body: (inout Transaction) throws(StoreError) -> R
  ) throws(StoreError) -> R {
    try attemptWrite(position, body).get()
  }

  /// Returns the result of `body`, committed, or its error; throws the errors of the store.
  private func attemptWrite<R, E: Error>(
    _ position: Position, _ body: (inout Transaction) throws(E) -> R
  ) throws(StoreError) -> Result<R, E> {
    var transaction = try begin()
    let core = transaction.core
    core.beginClosure()
    let result: R
    do throws(E) { result = try body(&transaction) } catch { return .failure(error) }
    guard transaction.core === core else {
      throw StoreError(
        .invalidArgument, "nothing is committed: the closure of a write replaced its transaction")
    }
    try core.endClosure()
    try transaction.commit(position)
    return .success(result)
  }

  /// A view of the last commit.
  ///
  /// It waits neither for a commit that is being logged nor for an application.
  public func snapshot() throws(StoreError) -> Snapshot { Snapshot(view: try opened().makeView()) }

  /// A reader that always sees the latest state: the committed rows, or also the transaction's uncommitted changes.
  ///
  /// Create one and use it as long as the store is open.
  public func reader(_ isolation: IsolationLevel = .readCommitted) throws(StoreError) -> Reader {
    Reader(try opened().writer, isolation)
  }

  /// Writes all commits to table files, so that there is nothing to restore after a crash right afterwards.
  public func flush() throws(StoreError) {
    let store = try opened()
    try store.health.check()
    try store.materializer.flush()
  }

  /// Closes the store: all commits are written to table files, and the changelog's writer is closed.
  ///
  /// The directory is unlocked once the last transaction, snapshot, reader and cursor of the store are released. Throws
  /// the failure that stopped the store, if there was one; the store is closed nevertheless.
  public func close() throws(StoreError) {
    // Taken out at once, so that a second call finds nothing to close.
    guard let store = parts.withLock({ $0.take() }) else { return }
    stopJobs(of: store)
    store.options.budget.leave(store.materializer)
    defer {
      store.observer.metrics?.close()
      store.observer.closed()
    }
    var failure = store.health.failure
    if failure == nil {
      do throws(StoreError) { try store.materializer.flush() } catch { failure = error }
    }
    store.materializer.close()
    do throws(StoreError) { try store.writer.close() } catch { failure = failure ?? error }
    if let failure { throw failure }
  }

  /// The open store; throws `closed` after ``close()``.
  func opened() throws(StoreError) -> OpenStore {
    guard let store = parts.withLock({ $0 }) else { throw StoreError(.closed, "the store is closed") }
    return store
  }

  // MARK: Tables

  /// Drops a table that wasn't declared when the store was opened, with all its rows.
  ///
  /// The drop is a separate commit, as durable on return as any commit. Existing snapshots keep the table. Its id is
  /// never used again; a table of the same name that is declared later begins empty. Store and changelog have version 2
  /// afterwards (``upgrade()``): versions of Tidemark before 0.2 refuse them.
  ///
  /// Throws `invalidArgument` if the store has no such table, or if the table is in use.
  public func drop(_ name: String) throws(StoreError) {
    let store = try opened()
    guard !store.tables.all.contains(where: { $0.name == name }) else {
      throw StoreError(
        .invalidArgument, "the table is in use; open the store without declaring it, then drop it", ["table": name])
    }
    try store.materializer.flush()
    guard var record = try store.database.tableRecords().first(where: { $0.name == name }) else {
      throw StoreError(.invalidArgument, "the store has no table of this name", ["table": name])
    }
    record.isDropped = true
    try store.writer.change([.drop(record)])
  }

  // MARK: Formats

  /// Changes the store and its changelog to the latest version of the formats (``FormatVersion/latest``).
  ///
  /// A store keeps version 1 until this call, or until it uses a feature of version 2 (a dropped table; a log of its
  /// own, if it has no other changelog), so that a program can be rolled back. Afterwards versions of Tidemark before
  /// 0.2 refuse the store and its changelog with `unsupported`, and change nothing. The only way back is an earlier
  /// checkpoint with the changelog up to its offset.
  ///
  /// The change is a separate commit; on return it is in the changelog, as durable as any commit, and in table files.
  /// After a crash or an error, the store has completely one version or the other; call it again. If the store has the
  /// latest version already, nothing is written. Throws the errors of a commit and of ``flush()``.
  public func upgrade() throws(StoreError) {
    let store = try opened()
    try store.health.check()
    try store.materializer.flush()
    guard try store.database.formatVersion() ?? .version1 < .latest else { return }
    try store.writer.change([.format(.latest)])
    try store.materializer.flush()
  }
}
