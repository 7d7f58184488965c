public import Changelog
internal import Foundation
public import Tidemark

/// A store in a temporary directory, for tests: open from the start, closed and removed with this object.
///
/// Keep the object as long as its store is used, for instance in a property of the test suite or test case. For one
/// closure, use `withTemporaryStore`.
///
/// ```swift
/// let temporary = try TemporaryStore(tables: [totals])
/// try temporary.store.write { try $0.put("anna", 5, in: totals) }
/// let total = try temporary.reopenAfterProcessDeath().snapshot().get("anna", in: totals)   // 5
/// ```
///
/// Any thread may use it; only one at a time may reopen the store.
public final class TemporaryStore: Sendable {
  /// The directory.
  ///
  /// The store lies in `store`, the changelog in `changelog/state-0`. Other names are free for the test.
  public let path: String
  /// The store's changelog; `nil` if there is none.
  public let changelog: FileLog?
  private let tables: [any TableDefinition]
  private let options: StoreOptions
  private let current: Mutex<StateStore?>

  /// Makes the directory within the one for temporary files (`TMPDIR`), and opens a store there.
  ///
  /// - Parameters:
  ///   - tables: the store's tables.
  ///   - changelog: how the file changelog is kept; `nil` for a store without a changelog.
  ///   - options: how the store behaves.
  /// - Throws: what opening throws. Nothing is left behind then.
  public init(
    tables: [any TableDefinition], changelog: FileLogOptions? = FileLogOptions(), options: StoreOptions = StoreOptions()
  ) throws(StoreError) {
    let path = NSTemporaryDirectory() + "tidemark-" + UUID().uuidString
    do throws(StoreError) {
      try POSIXStorage().makeDirectory(path)
      var log: FileLog?
      if let changelog { log = try FileLog.open(path + "/changelog", TopicPartition("state", 0), options: changelog) }
      current = Mutex(try StateStore.open(path + "/store", tables: tables, changelog: log, options: options))
      self.changelog = log
    } catch {
      try? POSIXStorage().removeTree(path)
      throw error
    }
    self.path = path
    self.tables = tables
    self.options = options
  }

  /// Closes the store, whatever that throws, and removes the directory.
  deinit {
    try? current.withLock { $0.take() }?.close()
    try? POSIXStorage().removeTree(path)
  }

  /// The open store.
  ///
  /// - Precondition: the last call to reopen the store has not thrown.
  public var store: StateStore {
    guard let store = current.withLock({ $0 }) else { preconditionFailure("the store couldn't be opened again") }
    return store
  }

  /// Closes the store, and opens it again.
  ///
  /// - Returns: the open store, which ``store`` is from then on.
  /// - Throws: what closing or opening throws; `locked` while a transaction, snapshot, reader or cursor of the former
  ///   store is alive. ``store`` can't be used then.
  @discardableResult
  public func reopen() throws(StoreError) -> StateStore {
    try current.withLock { $0.take() }?.close()
    return try open()
  }

  /// Opens the store again without closing it first, as if its process had died: commits that are not in table files are
  /// restored from the changelog, uncommitted changes are lost.
  ///
  /// - Returns: the open store, which ``store`` is from then on.
  /// - Throws: what opening throws; `locked` while the former store is referred to elsewhere, or a transaction, snapshot,
  ///   reader or cursor of it is alive. ``store`` can't be used then.
  @discardableResult
  public func reopenAfterProcessDeath() throws(StoreError) -> StateStore {
    _ = current.withLock { $0.take() }
    return try open()
  }

  private func open() throws(StoreError) -> StateStore {
    let store = try StateStore.open(path + "/store", tables: tables, changelog: changelog, options: options)
    current.withLock { $0 = store }
    return store
  }

  /// Closes the store for good, and throws the error that stopped it, if any.
  fileprivate func close() throws(StoreError) { try current.withLock { $0.take() }?.close() }
}

/// Calls a closure with a store in a temporary directory; afterwards closes the store and removes the directory.
///
/// It works in every test framework:
///
/// ```swift
/// try withTemporaryStore(tables: [totals]) { store in
///   try store.write { try $0.put("anna", 5, in: totals) }
/// }
/// ```
///
/// - Parameters:
///   - tables: the store's tables.
///   - changelog: how the file changelog is kept; `nil` for a store without a changelog.
///   - options: how the store behaves.
///   - body: gets the open store, on the calling thread. It may close it.
/// - Returns: what `body` returns.
/// - Throws: what `body` throws; else what opening or closing the store throws. The directory is removed in each case.
public func withTemporaryStore<R>(
  tables: [any TableDefinition], changelog: FileLogOptions? = FileLogOptions(), options: StoreOptions = StoreOptions(),
  _ body: (StateStore) throws -> R
) throws -> R {
  let temporary = try TemporaryStore(tables: tables, changelog: changelog, options: options)
  let result = try body(temporary.store)
  try temporary.close()
  return result
}

/// Calls an asynchronous closure with a store in a temporary directory; afterwards closes the store and removes the
/// directory.
///
/// - Parameters:
///   - tables: the store's tables.
///   - changelog: how the file changelog is kept; `nil` for a store without a changelog.
///   - options: how the store behaves.
///   - body: gets the open store, on the caller's actor. It may close it.
/// - Returns: what `body` returns.
/// - Throws: what `body` throws; else what opening or closing the store throws. The directory is removed in each case.
nonisolated(nonsending) public func withTemporaryStore<R>(
  tables: [any TableDefinition], changelog: FileLogOptions? = FileLogOptions(), options: StoreOptions = StoreOptions(),
  _ body: nonisolated(nonsending) (StateStore) async throws -> R
) async throws -> R {
  let temporary = try TemporaryStore(tables: tables, changelog: changelog, options: options)
  let result = try await body(temporary.store)
  try temporary.close()
  return result
}
