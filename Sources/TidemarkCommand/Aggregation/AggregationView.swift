import Foundation
import Tidemark

/// A state that is only read.
///
/// Opened read-only, beside other readers and even where nothing can be written. If some commits are only in the
/// changelog, as after a kill, the state is opened as by a job, which restores them.
struct AggregationView {
  let plan: AggregationPlan
  let snapshot: Snapshot
  private let store: StateStore?

  init(_ directory: String, wait: Duration) throws {
    try AggregationState.check(directory, toBeMade: false)
    let log = try AggregationState.changelog(of: directory)
    switch try Self.look(at: directory, log) {
    case .current(let store): try self.init(store, directory)
    case .locked: try self.init(opening: directory, wait)
    case .behind(let offset):
      do { try self.init(opening: directory, wait) } catch let error as StoreError {
        guard error.kind == .permissionDenied else { throw error }
        printMessage(
          "\(directory): shown as of offset \(offset); the commits up to \(try log.offsets().end) are only in the"
            + " changelog, as nothing can be written here\n")
        try self.init(try Self.openReadOnly(directory), directory)
      }
    }
  }

  /// How a state on disk relates to its changelog.
  private enum Standing {
    case current(ReadOnlyStore)
    case behind(Offset)
    /// In use, or not readable read-only.
    case locked
  }

  private static func look(at directory: String, _ log: FileLog) throws -> Standing {
    do throws(StoreError) {
      let store = try openReadOnly(directory)
      // If the changelog is another store's, opening the store refuses it.
      let isOwn = try log.receipt(endingAt: store.offset) == store.receipt
      if isOwn, try store.offset == log.offsets().end { return .current(store) }
      // A job, or the other way to open it, needs the lock.
      store.close()
      return isOwn ? .behind(store.offset) : .locked
    } catch {
      guard error.kind == .locked || error.kind == .invalidArgument else { throw error }
      return .locked
    }
  }

  private static func openReadOnly(_ directory: String) throws(StoreError) -> ReadOnlyStore {
    try StateStore.openReadOnly(
      directory + "/store", tables: [AggregationState.groups, AggregationState.plans, AggregationState.inputs],
      options: AggregationState.options)
  }

  private init(_ readOnly: ReadOnlyStore, _ directory: String) throws {
    // The snapshot keeps the store open.
    snapshot = try readOnly.snapshot()
    guard let plan = try snapshot.get(AggregationState.planKey, in: AggregationState.plans) else {
      throw AggregationState.nothingAggregated(directory)
    }
    self.plan = plan
    store = nil
  }

  private init(opening directory: String, _ wait: Duration) throws {
    let state = try AggregationState(directory, wait: wait)
    (plan, snapshot, store) = (state.plan, try state.store.snapshot(), state.store)
  }

  func close() throws { try store?.close() }
}
