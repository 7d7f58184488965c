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
    case .current: try self.init(readOnly: directory)
    case .locked: try self.init(opening: directory, wait)
    case .behind(let offset):
      do { try self.init(opening: directory, wait) } catch let error as StoreError {
        guard error.kind == .permissionDenied else { throw error }
        printMessage(
          "\(directory): shown as of offset \(offset); the commits up to \(try log.offsets().end) are only in the"
            + " changelog, as nothing can be written here\n")
        try self.init(readOnly: directory)
      }
    }
  }

  /// How a state on disk relates to its changelog.
  private enum Standing {
    case current
    case behind(Offset)
    /// In use, or not readable read-only.
    case locked
  }

  private static func look(at directory: String, _ log: FileLog) throws -> Standing {
    do throws(StoreError) {
      let store = try openReadOnly(directory)
      defer { store.close() }
      // If the changelog is another store's, opening the store refuses it.
      guard try log.receipt(endingAt: store.offset) == store.receipt else { return .locked }
      return try store.offset == log.offsets().end ? .current : .behind(store.offset)
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

  private init(readOnly directory: String) throws {
    // The snapshot keeps it open.
    snapshot = try Self.openReadOnly(directory).snapshot()
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
