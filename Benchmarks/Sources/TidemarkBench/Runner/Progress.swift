import Foundation

/// Says on standard error what runs, and how long the rest may take.
struct Progress {
  private let begin = now()
  private let estimates: [Double]
  private var finishedGroups = 0
  private var group: Group?
  private var groupBegin: UInt64 = 0
  private var runsPerRound = 0
  private var runs = 0
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private var lastLine = ""

  init(_ groups: [Group]) { estimates = groups.map { $0.estimatedSeconds * Double($0.rounds + $0.warmUpRounds) } }

  mutating func begin(_ group: Group, runsPerRound: Int) {
    self.group = group
    self.runsPerRound = runsPerRound
    runs = 0
    groupBegin = now()
  }

  mutating func finishedRun() { runs += 1 }

  mutating func finishedGroup() {
    let seconds = Double(now() - groupBegin) / 1e9
    write("\(group?.title ?? ""): done in \(seconds.rounded(to: 1)) s", isFinal: true)
    finishedGroups += 1
    group = nil
  }

  mutating func show(round: Int, _ contender: Contender) {
    guard let group else { return }
    let turn = round < 0 ? "warming up" : "round \(round + 1) of \(group.rounds)"
    var line = "[\(finishedGroups + 1)/\(estimates.count)] \(group.title), \(turn): "
    line += contender.title
    if let left = secondsLeft { line += "; about \(left < 90 ? "\(Int(left)) s" : "\(Int(left / 60) + 1) min") left" }
    // A log gets one line a round.
    if isTerminal || runs % max(runsPerRound, 1) == 0 { write(line, isFinal: !isTerminal) }
  }

  /// From the estimates, scaled by what the finished part really took.
  private var secondsLeft: Double? {
    guard let group, runsPerRound > 0 else { return nil }
    let planned = estimates[finishedGroups]
    let share = Double(runs) / Double(runsPerRound * (group.rounds + group.warmUpRounds))
    let done = estimates[..<finishedGroups].reduce(0, +) + planned * share
    let elapsed = Double(now() - begin) / 1e9
    guard done > 0, elapsed > 1 else { return estimates.reduce(0, +) }
    let groupElapsed = Double(now() - groupBegin) / 1e9
    let groupLeft = share > 0.1 ? groupElapsed / share * (1 - share) : planned * (1 - share) * elapsed / done
    return groupLeft + estimates[(finishedGroups + 1)...].reduce(0, +) * elapsed / done
  }

  private mutating func write(_ line: String, isFinal: Bool) {
    let text = isTerminal ? "\r\u{1B}[K" + line + (isFinal ? "\n" : "") : line + "\n"
    FileHandle.standardError.write(Data(text.utf8))
  }
}
