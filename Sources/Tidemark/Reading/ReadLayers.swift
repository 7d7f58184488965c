internal import Changelog

/// The layers that a read searches: runs of commits, the latest first, and the database below them.
///
/// Snapshots, transactions, readers and reads during a restore all find keys and scan rows through this one value. A
/// transaction searches its own changes first.
struct ReadLayers: Sendable {
  /// Runs that the database may lack, the latest first.
  var runs: [Run]
  /// Below these, clean runs, which the database has, too: point reads search them to save a read of the database;
  /// scans needn't.
  var clean: [Run] = []
  let version: DatabaseVersion
  /// Kept alive as long as these layers are in use.
  var keeping: (any AnyObject & Sendable)?

  /// The value of a key.
  @inline(__always)
  func find(_ key: RawSpan, in table: OpenTable) throws(StoreError) -> FoundValue {
    if let found = findInRuns(key, in: table.id) { return found }
    return try version.find(key, in: table)
  }

  /// The value or deletion of a key in the runs; `nil` if no run has the key.
  @inline(__always)
  func findInRuns(_ key: RawSpan, in table: TableID) -> FoundValue? {
    for run in runs { if let entry = run.changes.find(key, in: table) { return FoundValue(entry, in: run) } }
    for run in clean { if let entry = run.changes.find(key, in: table) { return FoundValue(entry, in: run) } }
    return nil
  }

  /// The rows of a range of a table, with `changes` over them.
  func rows(
    in table: OpenTable, _ range: KeyRange, _ order: ScanOrder, under changes: IndexedBatch? = nil,
    emptied: EmptiedRanges? = nil
  ) -> ByteCursor {
    ByteCursor(
      version.makeIterator(in: table), over: runs, table.id, changes: changes, emptied: emptied, range: range,
      order: order)
  }
}
