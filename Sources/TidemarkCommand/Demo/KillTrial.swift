import Foundation
import Tidemark

/// Aggregates orders in a child process that is killed again and again, and checks the result.
struct KillTrial {
  var seed: UInt64
  var records: Int
  var kills: Int
  /// A directory of its own, for the orders and the state.
  var home: String
  var durability = "os"

  /// The outcome of the trial.
  struct Result {
    var outcome: KillHarness.Outcome
    var totalBytes: Int
    var customers: Int
    var kills: Int { outcome.runs.count { $0.killedAtBytes != nil } }
  }

  /// Throws `differs` if the state isn't what it should be.
  func run() throws -> Result {
    let file = home + "/orders.csv"
    try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
    try DemoOrders(seed: seed, count: records).write(to: file)
    let harness = KillHarness(
      arguments: [
        "aggregate", file, "--group-by", "customer", "--count", "--sum", "amount", "--max", "amount", "--last", "item",
        "--state", home + "/state", "--progress", "json", "--durability", durability,
      ], totalBytes: fileSize(file))
    var generator = SplitMix64(seed: seed)
    let outcome = try harness.run(kills: kills, using: &generator)
    return Result(outcome: outcome, totalBytes: harness.totalBytes, customers: try check(file, home + "/state"))
  }

  /// Compares the state with a recomputation without the aggregation's code; returns how many customers agree.
  private func check(_ file: String, _ directory: String) throws -> Int {
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
    return found.count
  }
}
