import Foundation
import Tidemark

/// Takes checkpoints, deletes the changelog below each, and then the earlier checkpoints; in between it flushes.
struct CheckpointKeeper {
  private static let flushesInBetween = 2

  let store: StateStore
  let plan: EndurancePlan
  let counters: WorkerCounters

  func run() throws {
    let pause = plan.checkpointSeconds / Double(Self.flushesInBetween + 1)
    while true {
      for _ in 0..<Self.flushesInBetween {
        sleep(seconds: pause)
        try store.flush()
      }
      sleep(seconds: pause)
      try takeCheckpoint()
    }
  }

  func takeCheckpoint() throws {
    counters.checkpointBegan()
    defer { counters.checkpointEnded() }
    let numbers = try FileManager.default.contentsOfDirectory(atPath: plan.checkpoints).compactMap { Int($0) }
    // A checkpoint that a killed process left unfinished has this number, too, and is replaced.
    let number = (numbers.max() ?? 0) + 1
    let checkpoint = try store.checkpoint(to: "\(plan.checkpoints)/\(number)")
    try store.deleteChangelog(coveredBy: checkpoint.directory)
    // A rebuild starts from the last checkpoint, so nobody needs the others.
    for number in numbers { try FileManager.default.removeItem(atPath: "\(plan.checkpoints)/\(number)") }
  }
}
