import ArgumentParser
import Foundation
import Tidemark

/// `tidemark demo`.
struct DemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Aggregates a million orders in a child process that is killed again and again, and checks the result.",
    discussion: """
      Generates orders, runs `tidemark aggregate` on them as a child, kills it with SIGKILL at random instants, lets it
      finish, and compares the state with an independent recomputation.

      EXAMPLES
        tidemark demo
        tidemark demo --records 5000000 --kills 20 --seed 7
      """)

  @Option(help: "How many orders.")
  var records = 1_000_000

  @Option(help: "How many times the child is killed.")
  var kills = 5

  @Option(help: "What orders and instants are drawn from; by default another each time.")
  var seed: UInt64?

  @Option(help: "Where orders and state go; by default a temporary directory that is removed afterwards.")
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
      try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
      defer { if directory == nil { try? FileManager.default.removeItem(atPath: home) } }
      let file = home + "/orders.csv"
      print("\(grouped(records)) orders, seed \(seed)")
      try DemoOrders(seed: seed, count: records).write(to: file)

      let harness = KillHarness(
        arguments: [
          "aggregate", file, "--group-by", "customer", "--count", "--sum", "amount", "--max", "amount", "--last",
          "item",
          "--state", home + "/state", "--progress", "json",
        ], totalBytes: fileSize(file))
      var generator = SplitMix64(seed: seed)
      let outcome = try harness.run(kills: kills, using: &generator)
      for (number, run) in outcome.runs.enumerated() {
        let replay = "\(grouped(run.replayedRecords)) records replayed, ready in \(run.readyMilliseconds) ms"
        let end = run.killedAtBytes.map { bytes in
          String(format: "SIGKILL at %.1f %%", 100 * Double(bytes) / Double(harness.totalBytes))
        }
        print("run \(number + 1): \(replay), \(end ?? "finished")")
      }
      print("\(grouped(Int(Double(records) / outcome.workingSeconds))) records per second")
      try check(file, home + "/state")
    }
  }

  /// Compares the state with a recomputation that shares no code with the aggregation.
  private func check(_ file: String, _ directory: String) throws {
    let expected = try DemoOrders.recompute(file)
    let state = try AggregationState(directory)
    var found: [String: DemoOrders.Totals] = [:]
    var cursor = try state.store.snapshot().scan(AggregationState.groups)
    while let (key, cells) = try cursor.next() { found[key[0]] = DemoOrders.Totals(cells) }
    let report = try state.store.verify(in: directory + "/verify")
    try state.store.close()
    guard found == expected else {
      let wrong =
        expected.keys.filter { found[$0] != expected[$0] }.count + found.keys.filter { expected[$0] == nil }.count
      throw CommandError(.differs, "\(grouped(wrong)) customers have other totals than the recomputation")
    }
    guard report.agrees else { throw CommandError(.differs, "the state is not the replay of its changelog") }
    print(
      "\(grouped(found.count)) customers agree with an independent recomputation;"
        + " the state is the replay of its changelog")
  }
}
