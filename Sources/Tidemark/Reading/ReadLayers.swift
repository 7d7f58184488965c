internal import Changelog

/// The layers that a read searches: runs of commits, the latest first, and the database below them.
///
/// Snapshots, transactions, readers and reads during a restore all find keys and scan rows through this one value. A
/// transaction searches its own changes first.
struct ReadLayers: Sendable {
  /// The runs: one object, which a read refers to without a count.
  let runs: RunList
  let version: DatabaseVersion
  /// Kept alive as long as these layers are in use.
  let keeping: (any AnyObject & Sendable)?

  init(_ runs: RunList = RunList(), over version: DatabaseVersion, keeping: (any AnyObject & Sendable)? = nil) {
    self.runs = runs
    self.version = version
    self.keeping = keeping
  }

  /// The same with other runs.
  func with(_ runs: RunList) -> ReadLayers { ReadLayers(runs, over: version, keeping: keeping) }

  /// The value of a key.
  @inline(__always)
  func find(_ key: RawSpan, in table: OpenTable) throws(StoreError) -> FoundValue {
    if let found = runs.find(key, in: table.id) { return found }
    return try version.find(key, in: table)
  }

  /// The rows of a range of a table, with `changes` over them.
  func rows(
    in table: OpenTable, _ range: KeyRange, _ order: ScanOrder, under changes: IndexedBatch? = nil,
    emptied: EmptiedRanges? = nil
  ) -> ByteCursor {
    ByteCursor(
      version.makeIterator(in: table), over: runs.latest, table.id, changes: changes, emptied: emptied, range: range,
      order: order)
  }
}

/// Runs of commits, the latest first.
final class RunList: Sendable {
  /// Runs that the database may lack.
  let latest: [Run]
  /// Below these, clean runs, which the database has, too: point reads search them to save a read of the database;
  /// scans needn't.
  let clean: [Run]

  init(_ latest: [Run] = [], clean: [Run] = []) {
    self.latest = latest
    self.clean = clean
  }

  /// The value or deletion of a key; `nil` if no run has the key.
  func find(_ key: RawSpan, in table: TableID) -> FoundValue? {
    for run in latest { if let entry = run.changes.find(key, in: table) { return FoundValue(entry, in: run) } }
    for run in clean { if let entry = run.changes.find(key, in: table) { return FoundValue(entry, in: run) } }
    return nil
  }
}
