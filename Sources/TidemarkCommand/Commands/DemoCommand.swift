import ArgumentParser
import Foundation
import Tidemark

/// `tidemark demo`.
struct DemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Aggregates a million orders in a child process that is killed again and again, and checks the result.",
    discussion: """
      Generates orders, runs `tidemark aggregate` on them as a child, kills it with SIGKILL at random instants, lets it \
      finish, and compares the state with an independent recomputation.

      EXAMPLES
        tidemark demo
        tidemark demo --records 5000000 --kills 20 --seed 7
      """)

  @Option(help: "The number of orders.")
  var records = 1_000_000

  @Option(help: "The number of times that the child is killed.")
  var kills = 5

  @Option(help: "The seed of orders and instants; random by default.")
  var seed: UInt64?

  @Option(help: "The directory for orders and state; by default a temporary one that is removed afterwards.")
  var directory: String?

  func validate() throws {
    guard records > 0, kills >= 0 else { throw ValidationError("--records is at least 1, --kills at least 0") }
  }

  func run() throws {
    try reportingErrors {
      let seed = self.seed ?? .random(in: 0..<1 << 32)
      let home = directory ?? NSTemporaryDirectory() + "tidemark-demo-\(getpid())"
      guard !FileManager.default.fileExists(atPath: home) else {
        throw CommandError(.usage, "\(home): is there already; name a new directory")
      }
      defer { if directory == nil { try? FileManager.default.removeItem(atPath: home) } }
      try printLine("\(grouped(records)) orders, seed \(seed)")
      let result = try KillTrial(seed: seed, records: records, kills: kills, home: home).run()
      for (number, run) in result.outcome.runs.enumerated() {
        let replay = "\(grouped(run.replayedRecords)) records replayed, ready in \(run.readyMilliseconds) ms"
        let end = run.killedAtBytes.map { bytes in
          String(format: "SIGKILL at %.1f %%", 100 * Double(bytes) / Double(result.totalBytes))
        }
        try printLine("run \(number + 1): \(replay), \(end ?? "finished")")
      }
      try printLine("\(grouped(Int(Double(records) / result.outcome.workingSeconds))) records per second")
      try printLine(
        "\(grouped(result.customers)) customers agree with an independent recomputation;"
          + " the state is the replay of its changelog")
    }
  }
}
