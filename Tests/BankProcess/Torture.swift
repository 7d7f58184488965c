import Foundation

/// A long run for a terminal: a line of progress every few seconds and the tally at the end; then ends the process.
func torture(_ arguments: [String]) -> Never {
  guard let kills = arguments.first.flatMap({ Int($0) }), kills > 0, arguments.count <= 3,
    let seed = arguments.count > 1 ? UInt64(arguments[1]) : .random(in: 0..<1 << 32)
  else {
    say("BankProcess torture <kills> [<seed> [<directory>]]")
    exit(2)
  }
  let home = (arguments.count > 2 ? arguments[2] : NSTemporaryDirectory()) + "/tidemark-kills-\(getpid())"
  say("\(kills) kills in \(home), seed \(seed)")
  let begin = ContinuousClock.now
  var nextAt = begin.advanced(by: .seconds(5))
  do {
    let tally = try KillRun(home, kills: kills, killsPerBank: 50, seed: seed).run { tally in
      guard ContinuousClock.now >= nextAt else { return }
      nextAt = .now.advanced(by: .seconds(5))
      let elapsed = begin.duration(to: .now)
      let left = elapsed / tally.kills * (tally.wanted - tally.kills)
      say(
        "\(tally.kills) of \(tally.wanted) kills, \(tally.acknowledgements) commits acknowledged,"
          + " \(tally.unacknowledgedFound) more found, \(tally.checkpointsVerified) checkpoints verified,"
          + " \(tally.audits) states right, no violation; \(text(elapsed)), \(text(left)) left")
    }
    try FileManager.default.removeItem(atPath: home)
    say(tally.summary)
    say("nothing was lost, in \(text(begin.duration(to: .now)))")
    exit(0)
  } catch {
    say("violation: \(error)")
    exit(1)
  }
}

/// `2 min 03 s`.
private func text(_ duration: Duration) -> String {
  let seconds = Int((duration / .seconds(1)).rounded(.up))
  return seconds < 60 ? "\(seconds) s" : "\(seconds / 60) min \(seconds % 60 < 10 ? "0" : "")\(seconds % 60) s"
}
