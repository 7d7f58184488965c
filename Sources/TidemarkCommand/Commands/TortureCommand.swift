import ArgumentParser
import Foundation
import Tidemark

/// `tidemark torture`.
struct TortureCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "torture",
    abstract: "Kills aggregations on a disk of yours again and again, and checks the state after each.",
    discussion: """
      Like `tidemark demo`, in rounds of at most 20 kills, until the given number of kills is reached. Each round \
      generates orders, and aggregates them in a child process that is killed with SIGKILL at random instants and \
      started again. It compares the state with an independent recomputation and with the replay of its changelog, \
      and prints the number of kills and the time left. All files are in a directory of their own, which is removed \
      if all agrees. At the first difference the command ends; it names the directory, which is kept, and the round's \
      seed. The seed repeats orders and instants, but a kill hits another instruction each time.

      EXAMPLES
        tidemark torture --kills 100
        tidemark torture --kills 1000 --directory /mnt/disk --durability sync
        tidemark torture --kills 20 --seed 7 --records 100000
      """)

  @Option(help: ArgumentHelp("How many times a child is killed.", valueName: "count"))
  var kills: Int

  @Option(help: ArgumentHelp("The directory to work in, on the disk to test.", valueName: "directory"))
  var directory = "."

  @Option(help: ArgumentHelp("How many orders a round has.", valueName: "count"))
  var records = 400_000

  @Option(help: "The seed of orders and instants; random by default.")
  var seed: UInt64?

  @Option(help: "How commits are made durable: os, sync or interval:N.")
  var durability = "os"

  func validate() throws {
    guard kills > 0, records > 0 else { throw ValidationError("--kills and --records are at least 1") }
    guard Durability(argument: durability) != nil else {
      throw ValidationError("--durability is os, sync or interval:N with milliseconds")
    }
  }

  func run() throws {
    try reportingErrors {
      let seed = self.seed ?? .random(in: 0..<1 << 32)
      guard FileManager.default.fileExists(atPath: directory) else {
        throw CommandError(.missingInput, "\(directory): no such directory")
      }
      try printLine("\(grouped(kills)) kills in \(directory), seed \(seed)")
      let begin = ContinuousClock.now
      var (killed, round, idle) = (0, 0, 0)
      while killed < kills {
        let home = directory + "/tidemark-torture-\(getpid())-\(round + 1)"
        let trial = KillTrial(
          seed: seed &+ UInt64(round), records: records, kills: min(20, kills - killed), home: home,
          durability: durability)
        let result: KillTrial.Result
        do { result = try trial.run() } catch {
          let error = CommandError(error)
          throw CommandError(
            error.status, "round \(round + 1), seed \(trial.seed): \(error.message); its files are kept in \(home)")
        }
        try FileManager.default.removeItem(atPath: home)
        round += 1
        killed += result.kills
        // Children that finish before they are killed test nothing.
        idle = result.kills == 0 ? idle + 1 : 0
        guard idle < 3 else {
          throw CommandError(.usage, "children finish before they are killed; try more --records")
        }
        let seconds = begin.duration(to: .now) / .seconds(1)
        let left = killed == 0 ? "" : ", \(duration(seconds / Double(killed) * Double(max(0, kills - killed)))) left"
        try printLine(
          "round \(round): \(result.kills) kills, \(grouped(result.customers)) customers agree;"
            + " \(grouped(killed)) of \(grouped(kills)) kills in \(duration(seconds))\(left)")
        // A reader of a pipe gets the line at once, too.
        fflush(nil)
      }
      try printLine("\(grouped(killed)) kills: each state was right, and the replay of its changelog")
    }
  }
}
