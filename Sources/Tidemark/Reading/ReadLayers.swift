internal import Changelog

/// What a read looks at: runs of commits, the latest first, and the database below them.
///
/// Snapshots, transactions, readers and reads of a store that is being restored all find keys and scan rows through this
/// one value. A transaction lays its changes over it.
struct ReadLayers: Sendable {
  /// What the database may lack, the latest first.
  var runs: [Run]
  /// Below those, runs that the database has, too: keys are found in memory there, scans needn't look.
  var clean: [Run] = []
  let version: DatabaseVersion
  /// Lives as long as these are read.
  var keeping: (any AnyObject & Sendable)?

  /// What a key has.
  @inline(__always)
  func find(_ key: RawSpan, in table: OpenTable) throws(StoreError) -> FoundValue {
    if let found = findInRuns(key, in: table.id) { return found }
    return try version.find(key, in: table)
  }

  /// What the runs say about a key; `nil` if none changes it.
  @inline(__always)
  func findInRuns(_ key: RawSpan, in table: TableID) -> FoundValue? {
    for run in runs { if let entry = run.changes.find(key, in: table) { return FoundValue(entry, in: run) } }
    for run in clean { if let entry = run.changes.find(key, in: table) { return FoundValue(entry, in: run) } }
    return nil
  }

  /// The rows of a range of a table, and over them those of `changes`.
  func rows(
    in table: OpenTable, _ range: KeyRange, _ order: ScanOrder, under changes: IndexedBatch? = nil,
    emptied: EmptiedRanges? = nil
  ) -> ByteCursor {
    ByteCursor(
      version.makeIterator(in: table), over: runs, table.id, changes: changes, emptied: emptied, range: range,
      order: order)
  }
}
