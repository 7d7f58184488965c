internal import Foundation
internal import Logging
package import Tidemark

/// A bank that only moves money: the crash test runs it, and recomputes it to check it.
///
/// Transfer `n` follows from the seed and `n` alone, except that its amount is at most what the account holds. So the
/// whole state at a position can be recomputed, and any missing or extra row shows.
package enum Bank {
  package static let checking = Table("checking", key: .int64, value: .int64)
  package static let savings = Table("savings", key: .int64, value: .int64)
  /// The rows of the applied transfers, by sequence number.
  package static let transfers = Table(
    "transfers", key: .int64, value: .tuple(.int64, .int64, .int64, .int64))
  package static var tables: [any TableDefinition] { [checking, savings, transfers] }

  package static let input = TopicPartition("transfers", 0)
  package static let changelog = TopicPartition("bank", 0)
  package static let accounts: Int64 = 40
  package static let openingBalance: Int64 = 1000
  package static let total = accounts * 2 * openingBalance
  /// Only the last `keptTransfers` transfers have a row; earlier rows are deleted.
  package static let keptTransfers: Int64 = 4000
  /// Transfers that are never committed have sequence numbers from here on.
  package static let bogusSequence: Int64 = 1 << 40

  /// Small, so that flushes and segment rolls happen all the time.
  package static var options: StoreOptions {
    var options = StoreOptions()
    options.logger = Logger(label: "bank") { _ in SwiftLogNoOpLogHandler() }
    options.storedLagBytes = 96 << 10
    options.storedLagTime = .milliseconds(40)
    options.columnFamilyOptions = ["write_buffer_size": "65536"]
    return options
  }

  /// The options of a round: the same, but with metrics that print, and with so few waiting bytes that table files are
  /// applied all the time.
  static func options(seed: UInt64, round: UInt64) -> StoreOptions {
    var draw = Draw(seed ^ round &* 0x2545_F491_4F6C_DD1D)
    var options = options
    options.waitingBytes = 4 << (10 + draw.below(5))
    options.metrics = SpokenMetrics()
    return options
  }

  /// When a round's commits become durable; all settings survive the death of a process equally.
  static func durability(seed: UInt64, round: UInt64) -> Durability {
    var draw = Draw(seed &+ round &* 0x9FB2_1C65_1E98_DF25)
    switch draw.below(6) {
    case 0: return .sync
    case 1: return .interval(.milliseconds(2))
    default: return .os
    }
  }

  /// So little memory that a restore has many runs.
  package static var restoreOptions: StoreOptions { withLittleMemory(options) }

  static func withLittleMemory(_ options: StoreOptions) -> StoreOptions {
    var options = options
    options.storedLagBytes = 1 << 30
    options.waitingBytes = 16 << 10
    options.budget = MemoryBudget(bytes: 64 << 20)
    return options
  }

  package static func log(_ directory: String, _ durability: Durability = .os) throws(StoreError) -> FileLog {
    try FileLog.open(
      directory + "/changelog", changelog, options: FileLogOptions(durability: durability, segmentBytes: 48 << 10))
  }

  /// The directory of the bank's numbered checkpoints; whoever starts the process makes it.
  static func checkpoints(_ directory: String) -> String { directory + "/checkpoints" }

  static func checkpoint(_ number: Int, _ directory: String) -> String {
    checkpoints(directory) + "/\(number)"
  }

  /// The numbers of the checkpoints that exist under their final name.
  static func checkpointNumbers(_ directory: String) -> [Int] {
    let names = try? FileManager.default.contentsOfDirectory(atPath: checkpoints(directory))
    return (names ?? []).compactMap { Int($0) }.sorted()
  }

  /// Moves the store's database aside, so that the next open restores all of it; deletes the moved files.
  ///
  /// To be repeated if the process was killed inside this call.
  static func setAside(_ directory: String) throws {
    let store = directory + "/store"
    _ = try StateStore.setAside(store)
    for name in try FileManager.default.contentsOfDirectory(atPath: store) where name.hasPrefix("damaged-") {
      try FileManager.default.removeItem(atPath: store + "/" + name)
    }
  }

  /// Makes another bank, in `fork`, which begins where this one ends.
  ///
  /// Files under their final name are whole, even if an earlier attempt was killed.
  package static func fork(_ directory: String) throws {
    let fork = directory + "/fork"
    func isThere(_ name: String) -> Bool { FileManager.default.fileExists(atPath: fork + "/" + name) }
    if isThere("store") { return }
    try FileManager.default.createDirectory(atPath: fork, withIntermediateDirectories: true)
    let log = try log(directory)
    let past =
      isThere("past")
      ? try Checkpoint.verified(fork + "/past")
      : try StateStore.restore(
        to: fork + "/past", from: log, upTo: .offset(Offset(.max)), options: restoreOptions)
    let forked =
      isThere("changelog/\(changelog)")
      ? try Bank.log(fork) : try log.fork(to: fork + "/changelog", changelog, at: past.offset)
    let base =
      isThere("base")
      ? try Checkpoint.verified(fork + "/base") : try past.fork(to: fork + "/base", changelog: forked)
    try base.copy(to: fork + "/store")
  }

  package static func open(
    _ directory: String, _ options: StoreOptions = Bank.options
  ) throws(StoreError) -> StateStore {
    try open(directory + "/store", try log(directory), options)
  }

  static func open(
    _ store: String, _ log: FileLog?, _ options: StoreOptions
  ) throws(StoreError) -> StateStore {
    try StateStore.open(store, tables: tables, changelog: log, options: options)
  }
}

/// One transfer: the draw that follows from the seed.
package struct Transfer {
  package let sequence: Int64
  /// Accounts are numbered consecutively: first `checking`, then `savings`.
  package let from: Int64
  package let to: Int64
  package let asked: Int64

  package init(_ sequence: Int64, seed: UInt64) {
    var draw = Draw(seed ^ UInt64(bitPattern: sequence) &* 0x9E37_79B9_7F4A_7C15)
    self.sequence = sequence
    from = Int64(draw.next() % UInt64(Bank.accounts * 2))
    to = (from + 1 + Int64(draw.next() % UInt64(Bank.accounts * 2 - 1))) % (Bank.accounts * 2)
    asked = Int64(draw.next() % 400)
  }

  /// The event's time, so that stream time counts transfers as the position does.
  package var timestamp: Timestamp { sequence + 1 }
}

/// SplitMix64.
package struct Draw {
  private var state: UInt64

  package init(_ seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  package mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
}
