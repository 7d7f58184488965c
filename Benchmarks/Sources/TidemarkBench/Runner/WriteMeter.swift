/// Measures a run that writes: time, bytes handed to the file system, what is on disk, what compactions still have to do.
///
/// The clock runs until everything that was acknowledged is in table files and, if asked for, until compactions have
/// settled.
struct WriteMeter {
  private let bench: Bench
  private let settles: Bool
  private let writtenBefore: Int
  private let begin: UInt64
  private var end: UInt64 = 0
  private var writtenBytes = 0

  init(_ bench: Bench, settles: Bool = false) {
    self.bench = bench
    self.settles = settles
    writtenBefore = ProcessCounters.writtenBytes
    begin = now()
  }

  /// Everything is in table files.
  mutating func stop() {
    end = settles ? ProcessCounters.waitForBackgroundThreads() : now()
    writtenBytes = ProcessCounters.writtenBytes - writtenBefore
  }

  /// The run's figures.
  ///
  /// Its database must be closed; the run's directory is deleted.
  func sample(_ directory: String, database: String, log: String? = nil, of workload: Workload) throws -> Sample {
    var sample = Sample(
      nanoseconds: end - begin, operations: workload.count, writtenBytes: writtenBytes, userBytes: workload.byteCount)
    if settles { sample.nanoseconds += try settleRest(database) }
    sample.databaseBytes = directoryBytes(database)
    sample.changelogBytes = log.map(directoryBytes)
    sample.debt = try PlainDatabase(database, .readOnly, like: bench.model).debt
    bench.remove(directory)
    return sample
  }

  /// Opens the database with compactions on and waits for what is still due by RocksDB's own counters; how long it took.
  private func settleRest(_ database: String) throws -> UInt64 {
    let plain = try PlainDatabase(database, .existing, like: bench.model)
    let begin = now()
    try plain.settle()
    let took = now() - begin
    // The counters are polled each millisecond.
    return took < 2_000_000 ? 0 : took
  }
}
