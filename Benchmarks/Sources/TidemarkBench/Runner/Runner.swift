import CBaseline

/// Runs groups of contenders in rounds, and keeps what each run took.
struct Runner {
  /// The runs of one contender, round by round.
  struct Series {
    let group: String
    let contender: Contender
    let latencies: LatencyRecorder
    var samples: [Sample] = []
  }

  private(set) var series: [Series] = []
  private var progress: Progress

  init(_ groups: [Group]) { progress = Progress(groups) }

  /// Runs a group to its end.
  ///
  /// Throws what a contender throws: a case that fails ends the whole run.
  mutating func run(_ group: Group) throws {
    let contenders = try group.prepare()
    var own = contenders.map { Series(group: group.title, contender: $0, latencies: LatencyRecorder()) }
    var random = SeededGenerator(seed: UInt64(contenders.count))
    progress.begin(group, contenders: contenders.count)
    for round in -group.warmUpRounds..<group.rounds {
      for index in contenders.indices.shuffled(using: &random) {
        progress.show(round: round, contenders[index])
        // What the last run freed goes back, so that none starts with the memory of another.
        baseline_trim_memory()
        do {
          let sample = try contenders[index].run(round < 0 ? LatencyRecorder() : own[index].latencies)
          if round >= 0 { own[index].samples.append(sample) }
        } catch {
          throw FailedCase(title: "\(group.title): \(contenders[index].title)", cause: error)
        }
        progress.finishedRun()
      }
    }
    progress.finishedGroup()
    series += own
  }
}

/// A case that failed, and why.
struct FailedCase: Error, CustomStringConvertible {
  let title: String
  let cause: any Error
  var description: String { "\(title): \(cause)" }
}
