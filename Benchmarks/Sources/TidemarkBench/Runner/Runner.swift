import CBaseline

/// Runs groups of contenders in rounds, and keeps what each run took.
struct Runner {
  private(set) var series: [Series] = []
  private var progress: Progress

  init(_ groups: [Group]) { progress = Progress(groups) }

  /// Runs a group to its end.
  ///
  /// Throws what a contender throws: a case that fails ends the whole run.
  mutating func run(_ group: Group) throws {
    var own = Series.all(of: try group.prepare(), group: group.title)
    var random = SeededGenerator(seed: UInt64(own.count))
    var turns = Series.turns(of: own, using: &random)
    progress.begin(group, runsPerRound: turns.joined().count)
    for round in -group.warmUpRounds..<group.rounds {
      // Each second round is the one before it backwards, so that a case runs before its baseline as often as after it.
      turns =
        round.isMultiple(of: 2) ? Series.turns(of: own, using: &random) : turns.reversed().map { $0.reversed() }
      for turn in turns {
        let samples = try turn.map { try run(own[$0], round: round) }
        if round >= 0 { Series.append(samples, of: turn, to: &own) }
      }
    }
    progress.finishedGroup()
    series += own
  }

  private mutating func run(_ series: Series, round: Int) throws -> Sample {
    progress.show(round: round, series.contender)
    // What the last run freed goes back, so that none starts with the memory of another.
    baseline_trim_memory()
    do {
      let sample = try series.contender.run(round < 0 ? LatencyRecorder() : series.latencies)
      progress.finishedRun()
      return sample
    } catch {
      throw FailedCase(title: "\(series.group): \(series.contender.title)", cause: error)
    }
  }
}

/// A case that failed, and why.
struct FailedCase: Error, CustomStringConvertible {
  let title: String
  let cause: any Error
  var description: String { "\(title): \(cause)" }
}
