import Foundation
import Tidemark

/// The results of the last check of an endurance run, which throws if something isn't right.
struct WholeAudit: Codable {
  let position: Int64
  /// Rows of all tables, each as the operations left it.
  var rows = 0
  /// Their keys and values.
  var bytes = 0
  /// Records of the replay that the store was compared with.
  var replayedRecords = 0

  /// Recomputes and compares all rows from the operations, and then compares the store with a replay of its changelog.
  init(_ store: StateStore, _ plan: EndurancePlan) throws {
    let audit = MixedAudit(view: try store.snapshot(), plan: plan)
    position = audit.position
    let expected = ExpectedState(position, plan)
    try audit.sumBalances()
    for (table, balances) in [(MixedState.left, expected.left), (MixedState.right, expected.right)] {
      var scan = try audit.view.scan(table)
      for (account, balance) in balances.enumerated() {
        let row = try scan.next()
        try audit.require(
          row?.key == Int64(account) && row?.value == balance, "account \(account) is \(row ?? (-1, 0))")
        count(16)
      }
      let tooMany = try scan.next()
      try audit.require(tooMany == nil, "account \(tooMany?.key ?? 0) is too many")
    }
    try compareEvents(audit)
    try compareItems(audit, expected)
    let report = try store.verify(in: plan.directory + "/scratch")
    try audit.require(report.agrees, "the state isn't the replay of its changelog: \(report.differences)")
    replayedRecords = report.records
  }

  /// Makes the audit in a process of its own.
  static func inProcess(_ plan: EndurancePlan) throws -> WholeAudit {
    let child = try ChildProcess(["endurance-worker", try plan.json, "--audit"])
    let line = child.line(until: .max) ?? ""
    _ = try child.end()
    guard line.hasPrefix("audit ") else { throw WrongRead(description: "the last check: \(line)") }
    return try JSONDecoder().decode(WholeAudit.self, from: Data(line.dropFirst(6).utf8))
  }

  private mutating func count(_ rowBytes: Int) {
    rows += 1
    bytes += rowBytes
  }

  private mutating func compareEvents(_ audit: MixedAudit) throws {
    let zipf = Zipf(count: audit.plan.items, exponent: Workload.zipfExponent)
    var scan = try audit.view.scan(MixedState.events)
    for number in MixedOperation.events(at: position, audit.plan) {
      let row = try scan.next()
      let item = Int64(MixedOperation(number, audit.plan, zipf).item)
      try audit.require(row?.key == number && row?.value == item, "event \(number) is \(row ?? (-1, 0))")
      count(16)
    }
    let tooMany = try scan.next()
    try audit.require(tooMany == nil, "event \(tooMany?.key ?? 0) is too many")
  }

  private mutating func compareItems(_ audit: MixedAudit, _ expected: ExpectedState) throws {
    var found = 0
    var scan = try audit.view.scan(MixedState.items)
    while let item = try scan.withNext({ key, value in try audit.checkedItem(key, value) }) {
      let number = Int(item.number)
      try audit.require(
        number < expected.versions.count && expected.counts[number] == item.count
          && expected.versions[number] == item.version, "\(item) isn't what operations left")
      found += 1
      count(item.byteCount)
    }
    let expectedCount = expected.counts.count { $0 > 0 }
    try audit.require(found == expectedCount, "\(found) items, not \(expectedCount)")
  }
}

/// The state at a position, computed from the operations alone.
private struct ExpectedState {
  var left: [Int64]
  var right: [Int64]
  /// The last operation that wrote each item.
  var versions: [Int64]
  /// The number of operations that wrote each item since it was last deleted; 0 if it is deleted.
  var counts: [Int64]

  init(_ position: Int64, _ plan: EndurancePlan) {
    let accounts = Int(MixedOperation.openAccounts(at: position, plan))
    left = Array(repeating: MixedOperation.openingBalance, count: accounts)
    right = left
    versions = Array(repeating: -1, count: plan.items)
    counts = Array(repeating: 0, count: plan.items)
    let zipf = Zipf(count: plan.items, exponent: Workload.zipfExponent)
    for number in 0..<position {
      let operation = MixedOperation(number, plan, zipf)
      versions[Int(operation.item)] = number
      counts[Int(operation.item)] = operation.deletesItem ? 0 : counts[Int(operation.item)] + 1
      guard let transfer = operation.transfer else { continue }
      let sign: Int64 = transfer.isFromLeft ? 1 : -1
      left[Int(transfer.from)] -= sign * transfer.amount
      right[Int(transfer.to)] += sign * transfer.amount
    }
  }
}
