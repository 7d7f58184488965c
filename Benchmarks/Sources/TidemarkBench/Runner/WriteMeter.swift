/// Measures a run that writes: time, bytes handed to the file system, bytes on disk, remaining work of compactions.
///
/// The clock runs until everything acknowledged is in table files and, if asked for, until compactions have settled.
struct WriteMeter {
  private let bench: Bench
  private let lap: Lap
  private let settles: Bool

  /// Starts the clock.
  init(_ bench: Bench, _ lap: Lap, settles: Bool = false) {
    self.bench = bench
    self.lap = lap
    self.settles = settles
    lap.start()
  }

  /// Stops the clock: everything is in table files.
  func stop() { lap.stop(at: settles ? ProcessCounters.waitForBackgroundThreads() : nil) }

  /// The run's figures.
  ///
  /// Its database must be closed; deletes the run's directory.
  func sample(_ directory: String, database: String, log: String? = nil, of workload: Workload) throws -> Sample {
    var sample = Sample(
      nanoseconds: lap.nanoseconds, operations: workload.count, writtenBytes: lap.writtenBytes,
      userBytes: workload.byteCount)
    if settles { sample.nanoseconds += try settleRest(database) }
    sample.databaseBytes = directoryBytes(database)
    sample.changelogBytes = log.map(directoryBytes)
    sample.debt = try PlainDatabase(database, .readOnly, with: bench.baseline).debt
    bench.remove(directory)
    return sample
  }

  /// Opens the database with compactions on and waits until RocksDB's own counters show none due; returns the time.
  private func settleRest(_ database: String) throws -> UInt64 {
    let plain = try PlainDatabase(database, .existing, with: bench.baseline)
    let begin = now()
    try plain.settle()
    let took = now() - begin
    // The counters are polled each millisecond.
    return took < 2_000_000 ? 0 : took
  }
}
