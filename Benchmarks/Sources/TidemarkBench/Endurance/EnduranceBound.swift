/// A bound that an endurance run must keep, and the measured value.
struct EnduranceBound: Codable {
  let name: String
  let limit: String
  let measured: String
  let pass: Bool
  /// Whether the bound is about correctness and not about amounts: then no run may break it, however small.
  let isCorrectness: Bool
}

/// The bounds' figures.
enum EnduranceLimits {
  /// The memory that a process may take besides the budget.
  ///
  /// Some 32 MiB are pages of programs and libraries, and 10 MiB are taken before a store is open. The rest is the
  /// memory with which RocksDB writes, merges and scans table files, and the freed memory that glibc's allocator keeps:
  /// 20 to 40 MiB with this many threads (`MALLOC_ARENA_MAX=2` saves them).
  static let memoryAllowanceBytes = 112 << 20
  /// From the middle third of a run to its last third, at the same age of processes; and within the last process.
  static let memoryGrowth = 1.05
  /// RocksDB holds each table file open.
  ///
  /// It stops at 36 files in level 0 of each column family; there are six families, including those of the offsets and
  /// the default. The items take some 40 more files, and 40 descriptors are not table files.
  static let descriptors = 6 * 36 + 40 + 40
  /// Relative to the least number, because the number rises until compactions merge the new files.
  static let descriptorGrowth = 1.1
  /// From the first tenth to the last.
  static let latencyGrowth = 1.5
  static let longestCommitSeconds = 0.5
  /// Bytes of the database, the changelog and the checkpoints, for each byte of live keys and values.
  static let diskFactor = 3.0
  static let diskGrowth = 1.1
  static let readySeconds = 3.0
  /// Relative to the operations that fell due.
  static let doneShare = 0.97
}

extension EnduranceRun {
  /// Each bound, kept or not.
  func bounds(_ audit: WholeAudit) -> [EnduranceBound] {
    let budget = plan.budgetBytes
    let memoryLimit = budget + EnduranceLimits.memoryAllowanceBytes
    let peak = samples.map(\.process.residentBytes).max() ?? 0
    let commits = tenths { $0.report?.commits.p99Milliseconds }
    let reads = tenths { $0.report?.reads.p99Milliseconds }
    let longest = working.compactMap { $0.report?.commits.max }.max() ?? 0
    // Samples of the load are left out: its changelog is deleted only afterwards.
    let disk = samples.filter { $0.seconds >= 0 }.map { $0.disk.totalBytes + $0.process.namelessBytes }.max() ?? 0
    let diskLimit = Int(EnduranceLimits.diskFactor * Double(audit.bytes))
    let descriptors = samples.map(\.process.descriptors).max() ?? 0
    let ready = kills.map(\.readyMilliseconds)
    let lost = kills.reduce(0) { $0 + $1.lost }
    return [
      atLeast("live keys and values / memory budget", Double(audit.bytes) / Double(budget), plan.times.shortest),
      EnduranceBound(
        name: "resident memory, greatest", limit: "\(mebibytes(budget)) + \(mebibytes(memoryLimit - budget))",
        measured: mebibytes(peak), pass: peak <= memoryLimit, isCorrectness: false),
      growth(
        "resident memory, last third / middle third", thirds(median) { Double($0.process.residentBytes) },
        EnduranceLimits.memoryGrowth),
      growth(
        "resident memory within the last process", lastLife(median) { Double($0.process.residentBytes) },
        EnduranceLimits.memoryGrowth),
      EnduranceBound(
        name: "open descriptors, most", limit: "\(EnduranceLimits.descriptors)", measured: "\(descriptors)",
        pass: descriptors <= EnduranceLimits.descriptors, isCorrectness: false),
      growth(
        "open descriptors at least, last third / middle third", thirds({ $0.min() }) { Double($0.process.descriptors) },
        EnduranceLimits.descriptorGrowth),
      growth(
        "open descriptors at least, within the last process", lastLife({ $0.min() }) { Double($0.process.descriptors) },
        EnduranceLimits.descriptorGrowth),
      growth("p99 of commits, last tenth / first", commits, EnduranceLimits.latencyGrowth),
      growth("p99 of reads, last tenth / first", reads, EnduranceLimits.latencyGrowth),
      EnduranceBound(
        name: "longest commit", limit: duration(UInt64(EnduranceLimits.longestCommitSeconds * 1e9)),
        measured: duration(longest), pass: Double(longest) / 1e9 <= EnduranceLimits.longestCommitSeconds,
        isCorrectness: false),
      atLeast("operations done / due", doneShare, EnduranceLimits.doneShare.shortest),
      EnduranceBound(
        name: "disk, most", limit: "\(mebibytes(diskLimit)) (\(EnduranceLimits.diskFactor.shortest) × live)",
        measured: "\(mebibytes(disk)) (\((Double(disk) / Double(audit.bytes)).fixed(2)) ×)", pass: disk <= diskLimit,
        isCorrectness: false),
      growth(
        "disk, last third / middle third", thirds(median) { Double($0.disk.totalBytes) }, EnduranceLimits.diskGrowth),
      EnduranceBound(
        name: "ready after a kill, latest (median)", limit: duration(UInt64(EnduranceLimits.readySeconds * 1e9)),
        measured: "\((ready.max() ?? 0).fixed(0)) ms (\((median(ready) ?? 0).fixed(0)) ms)",
        pass: (ready.max() ?? 0) <= EnduranceLimits.readySeconds * 1000, isCorrectness: false),
      EnduranceBound(
        name: "acknowledged operations that were lost", limit: "0", measured: "\(lost)", pass: lost == 0,
        isCorrectness: true),
      EnduranceBound(
        name: "rows that aren't as computed again, or as replayed", limit: "0", measured: "0 of \(audit.rows.grouped)",
        pass: true, isCorrectness: true),
    ]
  }

  private func growth(_ name: String, _ values: (first: Double, last: Double)?, _ limit: Double) -> EnduranceBound {
    let ratio = values.map { $0.last / max($0.first, 1e-9) }
    return EnduranceBound(
      name: name, limit: limit.shortest, measured: ratio.map { $0.fixed(2) } ?? "too short a run",
      pass: ratio.map { $0 <= limit } ?? false, isCorrectness: false)
  }

  private func atLeast(_ name: String, _ value: Double, _ limit: String) -> EnduranceBound {
    EnduranceBound(
      name: name, limit: "at least \(limit)", measured: value.fixed(3), pass: value >= Double(limit) ?? 0,
      isCorrectness: false)
  }
}
