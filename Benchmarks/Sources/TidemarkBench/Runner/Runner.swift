import CBaseline
import Foundation

/// Runs groups of contenders in rounds, and keeps the result of each run.
struct Runner {
  /// A group in progress.
  private struct Running {
    let group: Group
    var series: [Series]
    var turns: [[Int]] = []
    var random: SeededGenerator
  }

  private var running: [Running] = []
  private var progress: Progress
  private let begin = now()
  /// The number of this process.
  private let process: Int
  private let leastRounds: Int
  private let clock: LapClock
  /// No round begins after this time, in nanoseconds; `nil`: there is no limit.
  private let limit: Int?

  init(_ groups: [Group], _ plan: Plan, process: Int) {
    self.process = process
    (leastRounds, clock) = (plan.leastRounds, plan.clock)
    limit = plan.minutes.map { Int($0 * 60e9) }
    progress = Progress(groups, minutes: plan.minutes, process: process, of: plan.processes)
  }

  /// The measurements.
  var measurements: [Measurements] { running.flatMap(\.series).map(Measurements.init) }

  /// Runs groups to their end, or until their time is up.
  ///
  /// The rounds of each group are spread over the whole time, so that slow minutes of the machine affect all groups,
  /// and two runs see the same mix. Throws the error of a contender: a case that fails ends the whole run.
  mutating func run(_ groups: [Group]) throws {
    for (index, group) in groups.enumerated() {
      try prepare(group)
      // The first round of a process meets code that has never run, and a slow clock.
      for round in -max(group.warmUpRounds, index == 0 ? 1 : 0)..<0 { try run(round, of: index) }
    }
    let rounds = groups.indices.flatMap { index in
      (0..<groups[index].rounds).map {
        (at: (Double($0) + 0.5) / Double(groups[index].rounds), index: index, round: $0)
      }
    }
    for (_, index, round) in rounds.sorted(by: { ($0.at, $0.index) < ($1.at, $1.index) }) {
      if let limit, now() - begin > limit, round >= leastRounds { continue }
      try run(round, of: index)
    }
  }

  /// Prepares a group: all of its cases, or those with one of some names, and their baselines.
  private mutating func prepare(_ group: Group, only names: Set<String>? = nil) throws {
    var series = Series.all(of: try group.prepare(), group: group.title)
    if let names {
      series.removeAll { $0.against != nil && !names.contains($0.rowName) }
      let baselines = Set(series.compactMap(\.against))
      series.removeAll { $0.against == nil && !baselines.contains($0.contender.name) }
    }
    let seed = UInt64(process * 1000 + series.count)
    running.append(Running(group: group, series: series, random: SeededGenerator(seed: seed)))
  }

  private mutating func run(_ round: Int, of index: Int) throws {
    // Every second round is the previous one in reverse, so that a case runs before its baseline as often as after it.
    if round.isMultiple(of: 2) || running[index].turns.isEmpty {
      running[index].turns = Series.turns(of: running[index].series, using: &running[index].random)
    } else {
      running[index].turns = running[index].turns.reversed().map { $0.reversed() }
    }
    progress.begin(running[index].group, round: round, runs: running[index].turns.joined().count)
    for turn in running[index].turns {
      let series = turn.map { running[index].series[$0] }
      let samples = try running[index].group.isSliced ? runInSlices(series, round) : series.map { try run($0, round) }
      if round >= 0 { Series.append(samples, of: turn, to: &running[index].series) }
    }
    progress.finishedRound()
  }

  private mutating func run(_ series: Series, _ round: Int) throws -> Sample {
    progress.show(series.contender)
    // Memory that the last run freed goes back to the system, so that no run starts with the memory of another.
    baseline_trim_memory()
    let sample = try Self.run(series, Lap(Self.latencies(of: series, round), clock: clock))
    progress.finishedRun()
    return sample
  }

  /// Runs the contenders of a turn in alternation, each on a thread of its own that waits while another has its slice.
  ///
  /// The machine's speed changes more slowly than slices alternate, so it is about the same for all of them.
  private mutating func runInSlices(_ turn: [Series], _ round: Int) throws -> [Sample] {
    for series in turn { progress.show(series.contender) }
    baseline_trim_memory()
    let (baton, clock) = (Baton(turn.count), clock)
    let running = DispatchGroup()
    // Proof: a thread touches them only while it has the baton, and this one only after all threads are done.
    nonisolated(unsafe) let contenders = turn
    nonisolated(unsafe) var results: [Result<Sample, any Error>?] = turn.map { _ in nil }
    for place in turn.indices {
      running.enter()
      Thread.detachNewThread {
        baton.take(at: place)
        let series = unsafe contenders[place]
        let lap = Lap(Self.latencies(of: series, round), baton, place: place, clock: clock)
        unsafe results[place] = Result { try Self.run(series, lap) }
        baton.leave(from: place)
        running.leave()
      }
    }
    baton.start()
    running.wait()
    for _ in turn { progress.finishedRun() }
    return try unsafe results.map { try $0!.get() }
  }

  /// Prepares one group alone; the caller then asks for round after round.
  ///
  /// Prints nothing on standard error. One uncounted round runs at once.
  init(_ group: Group, _ plan: Plan, process: Int, only names: Set<String>) throws {
    self.init([group], plan, process: process)
    progress.isSilent = true
    try prepare(group, only: names)
    try run(-1, of: 0)
  }

  /// Runs the next round of the one group; returns the ratios of its cases by their names.
  mutating func ratios(ofRound round: Int) throws -> [String: Double] {
    try run(round, of: 0)
    return running[0].series.reduce(into: [:]) { ratios, series in
      if series.against != nil { ratios[series.rowName] = series.ratios.last }
    }
  }

  private static func latencies(of series: Series, _ round: Int) -> LatencyRecorder {
    round < 0 ? LatencyRecorder() : series.latencies
  }

  private static func run(_ series: Series, _ lap: Lap) throws -> Sample {
    do { return try series.contender.run(lap) } catch {
      throw FailedCase(title: "\(series.group): \(series.contender.title)", cause: error)
    }
  }
}

/// A failed case, and the reason.
struct FailedCase: Error, CustomStringConvertible {
  let title: String
  let cause: any Error
  var description: String { "\(title): \(cause)" }
}
