import Foundation

/// Real processes, really killed: banks of all kinds, one after the other.
package struct KillRun {
  let home: String
  let kills: Int
  let killsPerBank: Int
  let seed: UInt64

  /// - Parameters:
  ///   - home: the parent of each bank's own directory, which is removed if all checks pass.
  ///   - kills: how many.
  ///   - killsPerBank: the most kills of one bank.
  ///   - seed: transfers, modes and kinds of instants are drawn from it; the exact instants depend on the machine.
  package init(_ home: String, kills: Int, killsPerBank: Int, seed: UInt64) {
    self.home = home
    self.kills = kills
    self.killsPerBank = killsPerBank
    self.seed = seed
  }

  /// Kills and checks; at the first failed check throws a `Violation` and keeps the bank's directory.
  ///
  /// `progress` is called after each kill.
  package func run(_ progress: (KillTally) -> Void = { _ in }) throws -> KillTally {
    var tally = KillTally()
    tally.wanted = kills
    var number = 0
    while tally.kills < kills {
      let kind = KilledBank.Kind.allCases[number % KilledBank.Kind.allCases.count]
      let directory = home + "/bank-\(number)"
      do {
        var bank = try KilledBank(directory, kind, seed: seed &+ UInt64(number))
        for _ in 0..<min(killsPerBank, kills - tally.kills) {
          try bank.kill(&tally)
          progress(tally)
        }
        try bank.finish(&tally)
        try bank.remove()
      } catch {
        throw Violation(
          description: "bank \(number) (\(kind)), kill \(tally.kills), seed \(seed): \(error); kept in \(directory)")
      }
      number += 1
    }
    return tally
  }
}
