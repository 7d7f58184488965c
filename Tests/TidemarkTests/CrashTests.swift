import BankProcess
import Foundation
import Testing
import Tidemark

/// Real processes, really killed (R1, R2, R4, R5, R6 for `.os`): see `Bank` for what they do.
@Suite struct CrashTests {
  static let kills = 50

  /// Seen to fail with: acknowledgements before the commit; the offsets rows in a batch of their own; an
  /// abort or a rollback that keeps its changes; a restore that begins one commit too late.
  @Test func nothingAcknowledgedIsLostAndNothingElseIsFound() throws {
    let seed = testSeed()
    var draw = Draw(seed)
    let directory = try TemporaryDirectory()
    var acknowledged: Int64 = 0
    var killedWhileOpening = 0
    var acknowledgements = 0
    for round in 0..<Self.kills {
      let child = try BankChild(directory.path, seed: seed, round: round, "run")
      let outcome = try life(of: child, &draw)
      if outcome.isReady {
        #expect(outcome.start >= acknowledged, "round \(round): acknowledged transfers are missing")
        #expect(outcome.last >= acknowledged)
      } else {
        killedWhileOpening += 1
      }
      acknowledgements += outcome.acknowledgements
      acknowledged = max(acknowledged, outcome.last)
      guard round % 5 == 4 else { continue }
      let store = try Bank.open(directory.path)
      let audit = Audit(try store.snapshot())
      #expect(audit.applied ?? 0 >= acknowledged, "round \(round): acknowledged transfers are missing")
      try audit.wholly(seed: seed)
      if round % 10 == 9 { try store.close() }
    }
    let store = try Bank.open(directory.path)
    let report = try store.verify(in: directory("scratch"))
    #expect(report.agrees, "\(report.differences)")
    #expect(report.rows >= Int(acknowledged))
    print(
      "\(Self.kills) kills, \(killedWhileOpening) of them while opening; \(acknowledgements) acknowledgements,"
        + " \(acknowledged) transfers, \(report.records) records")
    try store.close()
  }

  private struct Outcome {
    var isReady = false
    var start: Int64 = 0
    var last: Int64 = 0
    var acknowledgements = 0
  }

  /// Lets a child live until a random moment: while it opens, some time after, or some acknowledgements after.
  private func life(of child: BankChild, _ draw: inout Draw) throws -> Outcome {
    var outcome = Outcome()
    func take(_ line: String) throws {
      let words = line.split(separator: " ")
      switch (words.first, words.count == 2 ? Int64(words[1]) : nil) {
      case ("ready", let position?):
        outcome.isReady = true
        outcome.start = position
        outcome.last = position
      case ("ack", let position?):
        outcome.last = position
        outcome.acknowledgements += 1
      default: throw Violation(description: line)
      }
    }
    func read(until deadline: ContinuousClock.Instant, _ stop: () -> Bool) throws {
      while !stop(), let line = child.line(until: deadline) { try take(line) }
    }
    let patience = ContinuousClock.now.advanced(by: .seconds(60))
    if draw.below(5) == 0 {
      try read(until: .now.advanced(by: .milliseconds(draw.below(200)))) { outcome.isReady }
    } else {
      try read(until: patience) { outcome.isReady }
      #expect(outcome.isReady, "the child doesn't get ready")
      if draw.below(2) == 0 {
        try read(until: .now.advanced(by: .microseconds(draw.below(500_000)))) { false }
      } else {
        let enough = draw.below(120)
        try read(until: patience) { outcome.acknowledgements >= enough }
      }
    }
    child.kill()
    try read(until: patience) { false }
    return outcome
  }
}
