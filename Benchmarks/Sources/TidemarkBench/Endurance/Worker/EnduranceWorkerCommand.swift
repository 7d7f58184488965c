import ArgumentParser
import Foundation
import Tidemark

/// The process that ``EnduranceRun`` kills.
///
/// Prints `ready` with the position once the store is open, `loaded` once all items exist, `try` with the position
/// before each commit and `ack` after it, `second` with a ``WorkerReport`` each second, and `violation` with the failed
/// check.
struct EnduranceWorkerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "endurance-worker", shouldDisplay: false)

  @Argument(help: "The plan, as JSON.")
  var plan: String

  @Flag(help: "Only check all of the state, and say `audit` with what was found.")
  var audit = false

  func run() throws {
    let plan = try JSONDecoder().decode(EndurancePlan.self, from: Data(plan.utf8))
    orSayViolation {
      let budget = MemoryBudget(bytes: plan.budgetBytes)
      let store = try MixedState.open(plan, budget)
      if audit {
        let found = try WholeAudit(store, plan)
        try store.close()
        say("audit \(String(decoding: try JSONEncoder().encode(found), as: UTF8.self))")
      } else {
        try work(store, plan, budget)
      }
    }
  }

  private func work(_ store: StateStore, _ plan: EndurancePlan, _ budget: MemoryBudget) throws {
    let position = MixedAudit(view: try store.snapshot(), plan: plan).position
    say("ready \(position)")
    // If the parent dies first, the end of its pipe ends this process, too.
    onThread {
      _ = FileHandle.standardInput.readDataToEndOfFile()
      Glibc.exit(0)
    }
    let counters = WorkerCounters()
    onThread { try Self.report(store, budget, counters) }
    var writer = try MixedWriter(store, plan, counters)
    let checkpoints = CheckpointKeeper(store: store, plan: plan, counters: counters)
    if position < plan.items {
      try writer.load(from: position)
      try checkpoints.takeCheckpoint()
    }
    say("loaded")
    onThread { try PointReader(store: store, plan: plan, counters: counters).run() }
    onThread { try SnapshotHolder(store: store, plan: plan, counters: counters).run() }
    onThread { try checkpoints.run() }
    try writer.run(from: max(position, Int64(plan.items)))
  }

  /// Prints a report every second.
  private static func report(_ store: StateStore, _ budget: MemoryBudget, _ counters: WorkerCounters) throws {
    var dueAt = now()
    while true {
      dueAt += 1_000_000_000
      sleep(until: dueAt)
      var report = counters.take()
      report.budgetUsedBytes = budget.usedBytes
      let info = try store.info()
      report.lagRecords = info.committedOffset.value - info.storedOffset.value
      say("second \(String(decoding: try JSONEncoder().encode(report), as: UTF8.self))")
    }
  }
}

/// Writes a line to standard output, at once and whole.
func say(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  // Proof: the array has `count` bytes.
  _ = unsafe bytes.withUnsafeBytes { unsafe write(STDOUT_FILENO, $0.baseAddress!, $0.count) }
}

private func orSayViolation(_ body: () throws -> Void) {
  do { try body() } catch {
    say("violation \(String(describing: error).replacing("\n", with: " "))")
    exit(1)
  }
}

private func onThread(_ body: @escaping @Sendable () throws -> Void) {
  Thread.detachNewThread { orSayViolation(body) }
}
