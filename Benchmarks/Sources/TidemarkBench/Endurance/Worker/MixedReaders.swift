import Foundation
import Tidemark

/// Reads items one by one, as they fall due, and checks each: half of them the latest, half in snapshots.
struct PointReader {
  private static let pauseSeconds = 0.01
  private static let readsInTurn = 10

  let store: StateStore
  let plan: EndurancePlan
  let counters: WorkerCounters

  func run() throws {
    var random = SeededGenerator(seed: plan.seed ^ now())
    let zipf = Zipf(count: plan.items, exponent: Workload.zipfExponent)
    let reader = try store.reader()
    while true {
      let audit = MixedAudit(view: try store.snapshot(), plan: plan)
      for turn in 0..<Self.readsInTurn {
        let item = turn & 2 == 0 ? UInt64(zipf.draw(&random)) : random.next() % UInt64(plan.items)
        let begin = now()
        if turn & 1 == 0 {
          _ = try audit.item(item)
        } else {
          let found = try reader.get(RecordKey(number: item), in: MixedState.items)
          try audit.require(found?.number ?? item == item, "\(String(describing: found)) under the key of \(item)")
        }
        counters.read(now() - begin)
      }
      sleep(seconds: Self.pauseSeconds)
    }
  }
}

/// Holds snapshots for seconds, scans them, and checks that they don't change.
struct SnapshotHolder {
  private static let longestHoldSeconds = 8.0
  private static let items = 200
  private static let scannedItems = 2000
  private static let comparedEvents = 1000

  let store: StateStore
  let plan: EndurancePlan
  let counters: WorkerCounters

  func run() throws {
    var random = SeededGenerator(seed: plan.seed ^ now())
    while true {
      try hold(for: random.unit() * Self.longestHoldSeconds, &random)
      sleep(seconds: 0.2)
    }
  }

  private func hold(for seconds: Double, _ random: inout SeededGenerator) throws {
    let audit = MixedAudit(view: try store.snapshot(), plan: plan)
    let numbers = (0..<Self.items).map { _ in random.next() % UInt64(plan.items) }
    let before = try numbers.map(audit.item)
    try audit.sumBalances()
    try audit.checkEnds(of: Self.comparedEvents)
    sleep(seconds: seconds)
    try audit.scanItems(from: random.next() % UInt64(plan.items), count: Self.scannedItems)
    try audit.sumBalances()
    try audit.require(try numbers.map(audit.item) == before, "a snapshot changed")
    counters.scanned(
      rows: 4 * Int(MixedOperation.accounts) + 2 * Self.comparedEvents + Self.scannedItems + 2 * Self.items)
  }
}
