import Foundation
import Testing
import Tidemark

/// Options out of range are refused when a store is opened, and no duration is too long.
@Suite struct StoreOptionsTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory(inMemory: true) }

  /// An option's name, and a change that puts it out of range.
  struct Case: Sendable {
    let name: String
    let change: @Sendable (inout StoreOptions) -> Void

    init(_ name: String, _ change: @escaping @Sendable (inout StoreOptions) -> Void) {
      self.name = name
      self.change = change
    }
  }

  static let cases: [Case] = [
    Case("storedLagBytes", { $0.storedLagBytes = -1 }),
    Case("waitingBytes", { $0.waitingBytes = -1 }),
    Case("cleanBytes", { $0.cleanBytes = .min }),
    Case("budget.bytes", { $0.budget = MemoryBudget(bytes: 0) }),
    Case("budget.bytes", { $0.budget = MemoryBudget(bytes: -1) }),
    Case("storedLagTime", { $0.storedLagTime = .seconds(-1) }),
    Case("commitPatience", { $0.commitPatience = .nanoseconds(-1) }),
    Case("metricsInterval", { $0.metricsInterval = .seconds(Int64.min) }),
    Case("restartTarget", { $0.restartTarget = .seconds(-1) }),
    Case("snapshotExpiry", { $0.snapshotExpiry = .seconds(-1) }),
    Case("tailDurability", { $0.tailDurability = .interval(.seconds(-1)) }),
    Case("transactionLimits.softBytes", { $0.transactionLimits.softBytes = -1 }),
    Case("transactionLimits.softEntries", { $0.transactionLimits.softEntries = -1 }),
    Case("transactionLimits.softInterval", { $0.transactionLimits.softInterval = .seconds(-1) }),
    Case("transactionLimits.hardBytes", { $0.transactionLimits.hardBytes = 0 }),
  ]

  @Test(arguments: cases)
  func anOptionOutOfRangeIsRefusedByName(wrong: Case) throws {
    var options = StoreOptions()
    wrong.change(&options)
    let error = #expect(throws: StoreError.self) {
      try StateStore.open(directory("store"), tables: [balances], options: options)
    }
    #expect(error?.kind == .invalidArgument)
    #expect(error?.metadata.map(\.name) == ["option", "value", "allowed"])
    #expect(error?.metadata.first?.value == wrong.name)
    #expect(!FileManager.default.fileExists(atPath: directory("store")))
  }

  @Test(arguments: [
    Duration.seconds(Int64.max), .seconds(1e20), .seconds(200 * 365 * 86_400), .seconds(99 * 365 * 86_400),
  ])
  func aHugeDurationNeverPasses(duration: Duration) throws {
    var options = StoreOptions()
    options.storedLagTime = duration
    options.snapshotExpiry = duration
    options.metricsInterval = duration
    options.commitPatience = duration
    options.restartTarget = duration
    options.transactionLimits.softInterval = duration
    options.tailDurability = .interval(duration)
    let store = try StateStore.open(directory("store"), tables: [balances], options: options)
    var transaction = try store.begin()
    try transaction.put("anna", 1, in: balances)
    let shouldCommit = transaction.shouldCommit
    #expect(!shouldCommit)
    try transaction.commit()
    let view = try store.snapshot()
    #expect(try view.get("anna", in: balances) == 1)
    try store.flush()
    try store.close()
  }

  @Test func theGreatestNumbersOfBytesAreTaken() throws {
    var options = StoreOptions()
    options.storedLagBytes = .max
    options.waitingBytes = .max
    options.cleanBytes = .max
    options.transactionLimits.softBytes = .max
    options.transactionLimits.softEntries = .max
    options.transactionLimits.hardBytes = .max
    let store = try StateStore.open(
      directory("store"), tables: [balances], changelog: try directory.log(), options: options)
    try store.write { try $0.put("anna", 1, in: balances) }
    #expect(try store.snapshot().get("anna", in: balances) == 1)
    try store.close()
  }
}
