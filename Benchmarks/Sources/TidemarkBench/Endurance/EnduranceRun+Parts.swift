/// Parts of a run that are compared with each other.
extension EnduranceRun {
  typealias Pair = (first: Double, last: Double)

  private static let warmUpSeconds = 5.0

  /// Samples of processes that had time to warm up: RocksDB's cache is empty at first.
  var working: [EnduranceSample] { samples.filter { $0.seconds >= 0 && ($0.age ?? 0) >= Self.warmUpSeconds } }

  /// The medians of the first and of the last tenth.
  func tenths(_ value: (EnduranceSample) -> Double?) -> Pair? {
    pair(of: working, 0..<seconds / 10, seconds * 9 / 10..<seconds, median, value)
  }

  /// A statistic of the middle third and of the last third, over processes of the same age.
  func thirds(_ statistic: ([Double]) -> Double?, _ value: (EnduranceSample) -> Double?) -> Pair? {
    let ages = shortestLife / 2..<shortestLife
    let samples = working.filter { ages.contains($0.age ?? 0) }
    return pair(of: samples, seconds / 3..<seconds * 2 / 3, seconds * 2 / 3..<seconds, statistic, value)
  }

  /// The same of the second and of the last quarter of the last process, which lives long.
  func lastLife(_ statistic: ([Double]) -> Double?, _ value: (EnduranceSample) -> Double?) -> Pair? {
    let samples = working.filter { $0.life == working.last?.life }
    guard let begin = samples.first?.seconds, let end = samples.last?.seconds else { return nil }
    let quarter = (end - begin) / 4
    return pair(of: samples, begin + quarter..<begin + 2 * quarter, end - quarter..<end, statistic, value)
  }

  private func pair(
    of samples: [EnduranceSample], _ former: Range<Double>, _ latter: Range<Double>,
    _ statistic: ([Double]) -> Double?, _ value: (EnduranceSample) -> Double?
  ) -> Pair? {
    func figure(_ range: Range<Double>) -> Double? {
      statistic(samples.filter { range.contains($0.seconds) }.compactMap(value))
    }
    guard let first = figure(former), let last = figure(latter) else { return nil }
    return (first, last)
  }

  /// The cores used on average by the processes, and by everything else on the machine, in a part of the run.
  func coresUsed(_ range: Range<Double>) -> (own: Double, others: Double) {
    let lives = Dictionary(grouping: working.filter { range.contains($0.seconds) }, by: \.life).values
    var (own, all, seconds) = (0.0, 0.0, 0.0)
    for life in lives {
      guard let first = life.first, let last = life.last else { continue }
      own += last.process.processorSeconds - first.process.processorSeconds
      all += last.machineBusySeconds - first.machineBusySeconds
      seconds += last.seconds - first.seconds
    }
    return (own / max(seconds, 1), max(0, all - own) / max(seconds, 1))
  }

  /// The share of the due operations that were done while processes were at work.
  var doneShare: Double {
    let reports = working.compactMap(\.report)
    return Double(reports.reduce(0) { $0 + $1.operations }) / Double(max(reports.count * plan.rate, 1))
  }
}
