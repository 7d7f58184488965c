import BankProcess
import Foundation
import Testing
import Tidemark
import TidemarkTesting

/// Real processes, really killed (R1, R2, R4, R5, R6 for `.os`): see `Bank` for what they do.
@Suite struct CrashTests {
  /// Checkpoints, log deletions and restores run while kills fall; `make torture-kills` does the same for longer.
  ///
  /// Seen to fail with: acknowledgements before the commit; the offsets rows in a batch of their own; an
  /// abort or a rollback that keeps its changes; a restore that begins one commit too late; checkpoints that are made under
  /// their final name; a changelog that is deleted beyond the checkpoint; RocksDB's own checkpoint, in a long run.
  @Test func nothingAcknowledgedIsLostAndNothingElseIsFound() throws {
    let directory = try TemporaryDirectory()
    let tally = try KillRun(directory("banks"), kills: 48, killsPerBank: 16, seed: testSeed()).run()
    #expect(tally.acknowledgements > 0 && tally.applications > 0 && tally.checkpointsVerified > 0)
    print(tally.summary)
  }

  /// Restores from nothing that are killed again and again, and continue each time.
  ///
  /// Seen to fail with: runs of former processes that are skipped.
  @Test func aKilledRestoreGoesOn() throws {
    let seed = testSeed("killed restore")
    var draw = Draw(seed)
    let directory = try TemporaryDirectory()
    let transfers = try killedBank(directory.path, seed: seed, transfers: 3000)
    let patience = ContinuousClock.now.advanced(by: .seconds(60))
    let fileManager = FileManager.default
    var killedWithRuns = 0
    for life in 0..<3 {
      try fileManager.removeItem(atPath: directory("store"))
      for round in 0..<10 {
        let child = try BankChild(directory.path, seed: seed, round: round, .restore)
        // A file that appears while the restore sorts, or once it merges.
        let sign = draw.below(4) == 0 ? "PLAN" : "\(draw.below(8)).run"
        var line: String?
        while line == nil, !fileManager.fileExists(atPath: directory("store/restore/" + sign)) {
          line = child.line(until: .now.advanced(by: .microseconds(100)))
        }
        child.kill()
        line = line ?? child.line(until: patience)
        if let line, line != "ready 0" { throw Violation(description: line) }
        // The restore ended before the file was seen: repeat it.
        if line != nil { try fileManager.removeItem(atPath: directory("store")) }
        if fileManager.fileExists(atPath: directory("store/restore/0.run")) { killedWithRuns += 1 }
      }
      let store = try Bank.open(directory.path, life == 0 ? Bank.options : Bank.restoreOptions)
      let audit = Audit(try store.snapshot())
      try audit.wholly(seed: seed)
      #expect(audit.applied ?? 0 >= transfers)
      #expect(try store.verify(in: directory("scratch")).agrees)
      try store.close()
    }
    #expect(killedWithRuns > 0)
    print("\(killedWithRuns) restores were killed with runs on disk")
  }

  /// Restores of the past, and forks, that are killed again and again.
  ///
  /// Seen to fail with: copies that are made under their final name.
  @Test func aKilledForkGoesOn() throws {
    let seed = testSeed("killed fork")
    var draw = Draw(seed)
    let directory = try TemporaryDirectory()
    let transfers = try killedBank(directory.path, seed: seed, transfers: 2000)
    let patience = ContinuousClock.now.advanced(by: .seconds(60))
    // Makes the acknowledged transfers durable.
    try Bank.open(directory.path).close()
    let signs = [
      "past.partial/restore/0.run", "past.partial/restore/2.run", "past.partial/restore/PLAN",
      "past.partial/db/CURRENT",
      "past", "changelog", "changelog/bank-0.partial", "changelog/bank-0", "base.partial", "base.partial/HEAD", "base",
      "store.partial", "store.partial/HEAD",
    ]
    var killed: [String: Int] = [:]
    for life in 0..<4 {
      for round in 0..<12 {
        let sign = signs[(life * 12 + round + Int(draw.below(3))) % signs.count]
        let child = try BankChild(directory.path, seed: seed, round: round, .fork)
        var line: String?
        while line == nil, !FileManager.default.fileExists(atPath: directory("fork/" + sign)) {
          line = child.line(until: .now.advanced(by: .microseconds(50)))
        }
        child.kill()
        line = line ?? child.line(until: patience)
        if let line, line != "ready 0" { throw Violation(description: line) }
        if line == nil { killed[sign, default: 0] += 1 }
        if line != nil || round % 4 == 3 { try FileManager.default.removeItem(atPath: directory("fork")) }
      }
      let last = try BankChild(directory.path, seed: seed, round: 99, .fork)
      #expect(last.line(until: patience) == "ready 0")
      last.kill()
      let store = try Bank.open(directory("fork"))
      let audit = Audit(try store.snapshot())
      try audit.wholly(seed: seed)
      #expect(audit.applied ?? 0 >= transfers)
      #expect(try store.verify(in: directory("scratch")).agrees)
      try store.close()
      try FileManager.default.removeItem(atPath: directory("fork"))
    }
    #expect(killed.count > 5)
    print("killed at \(killed.sorted { $0.key < $1.key })")
  }

  /// Lets a bank run until `transfers` transfers are acknowledged, then kills it; returns the number acknowledged.
  private func killedBank(_ directory: String, seed: UInt64, transfers: Int64) throws -> Int64 {
    let teller = try BankChild(directory, seed: seed, round: 0, .run)
    let patience = ContinuousClock.now.advanced(by: .seconds(60))
    var acknowledged: Int64 = 0
    while acknowledged < transfers, let line = teller.line(until: patience) {
      let words = line.split(separator: " ")
      if words.first == "ack" { acknowledged = Int64(words[1]) ?? 0 }
    }
    teller.kill()
    #expect(acknowledged >= transfers)
    return acknowledged
  }
}
