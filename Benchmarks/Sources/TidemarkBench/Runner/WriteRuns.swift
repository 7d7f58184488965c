import Tidemark

/// Runs that write a workload into a database of their own, from an empty directory until everything is in table files.
extension Bench {
  /// A run on a plain database; the clock runs during `body` and the flush after it.
  func plainRun(
    of workload: Workload, _ lap: Lap, settles: Bool = false, insertHint: Bool? = nil,
    _ body: (PlainDatabase) throws -> Void
  ) throws -> Sample {
    let directory = try freshDirectory()
    let path = directory + "/db"
    var baseline = baseline
    if let insertHint { baseline.insertHint = insertHint }
    let meter: WriteMeter
    do {
      let database = try PlainDatabase(path, .create, with: baseline)
      meter = WriteMeter(self, lap, settles: settles)
      try body(database)
      try database.flush()
      meter.stop()
    }
    return try meter.sample(directory, database: path, of: workload)
  }

  /// A run on a store; the clock runs during `body` and the flush after it.
  func storeRun(
    _ changelog: ChangelogKind, of workload: Workload, _ lap: Lap, settles: Bool = false,
    _ body: (StateStore) throws -> Void
  ) throws -> Sample {
    let files = StoreFiles(directory: try freshDirectory())
    let meter: WriteMeter
    do {
      let store = try files.open(changelog, budgetBytes: plan.budgetBytes)
      let stored = try store.info().storedOffset
      meter = WriteMeter(self, lap, settles: settles)
      try body(store)
      if lap.isSliced, try store.info().storedOffset > stored {
        throw WrongRead(description: "table files were written beside the slices of others; run fewer records")
      }
      try store.flush()
      meter.stop()
      try store.close()
    }
    return try meter.sample(
      files.directory, database: files.database, log: changelog.isInFiles ? files.log : nil, of: workload)
  }
}

extension LatencyRecorder {
  /// Commits a transaction whose input was read up to `end`, and records how long it took.
  func commit(_ transaction: inout Transaction, upTo end: Int) throws(StoreError) {
    let begin = now()
    try transaction.commit([inputPartition: Offset(Int64(end))])
    record(now() - begin)
  }
}
