import Foundation

/// Prints on standard error which run is in progress, and how long the rest may take.
struct Progress {
  private let begin = now()
  /// The guessed times of all rounds, in seconds.
  private let total: Double
  /// The guessed times of the rounds that are done.
  private var done = 0.0
  private var group: Group?
  private var round = 0
  private var runsOfRound = 0
  private var runs = 0
  private let isTerminal = isatty(STDERR_FILENO) == 1
  var isSilent = false

  private let minutes: Double?
  /// This process's number, and the number of processes that take turns.
  private let process: Int
  private let processes: Int

  init(_ groups: [Group], minutes: Double?, process: Int, of processes: Int) {
    self.minutes = minutes
    (self.process, self.processes) = (process, processes)
    total = groups.reduce(0) { $0 + $1.estimatedSeconds * Double($1.rounds + $1.warmUpRounds) }
  }

  mutating func begin(_ group: Group, round: Int, runs: Int) {
    (self.group, self.round, runsOfRound, self.runs) = (group, round, runs, 0)
  }

  mutating func finishedRun() { runs += 1 }

  mutating func finishedRound() {
    done += group?.estimatedSeconds ?? 0
    group = nil
  }

  mutating func show(_ contender: Contender) {
    guard let group, !isSilent else { return }
    let part = done + group.estimatedSeconds * Double(runs) / Double(max(runsOfRound, 1))
    var elapsed = Double(now() - begin) / 1e9
    var left = part > 0 && elapsed > 1 ? (total - part) / part * elapsed : total
    if let minutes { left = min(left, max(0, minutes * 60 - elapsed)) }
    // The other processes are assumed to take as long.
    let each = elapsed + left
    elapsed += Double(process) * each
    left += Double(processes - 1 - process) * each
    var turn = round < 0 ? "warming up" : "round \(round + 1)" + (minutes == nil ? " of \(group.rounds)" : "")
    if processes > 1 { turn += " of process \(process + 1) of \(processes)" }
    let share = min(1, elapsed / max(elapsed + left, 0.001))
    var line = "[\(Int(100 * share))%] \(group.title), \(turn): \(contender.title)"
    line += "; about \(left < 90 ? "\(Int(left)) s" : "\(Int(left / 60) + 1) min") left"
    // A log gets one line a round.
    if isTerminal || runs == 0 { write(line) }
  }

  private func write(_ line: String) {
    let text = isTerminal ? "\r\u{1B}[K" + line : line + "\n"
    FileHandle.standardError.write(Data(text.utf8))
  }
}
