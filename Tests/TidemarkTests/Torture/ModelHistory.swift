import Foundation
import Tidemark
import TidemarkTesting

/// A random history of one store; each read is compared with the model.
///
/// It goes in sessions: open, some hundred steps on one transaction, and an end, by closing or by letting the store go as
/// a crash would.
final class ModelHistory {
  struct Mismatch: Error, CustomStringConvertible {
    let description: String
  }

  /// A scan that was stopped, to be continued later, also after the store was reopened.
  struct StoppedScan {
    let table: Table<BytesCodec, BytesCodec>
    let range: ModelRange
    let order: ScanOrder
    let continuation: ScanContinuation
  }

  static let tables = ["plain", "crowded", "quiet"].map { Table($0, key: .bytes, value: .bytes) }

  let directory: TemporaryDirectory
  let hasChangelog: Bool
  let options: StoreOptions
  var generator: SeededGenerator
  var model = ModelStore(tables: tables.map(\.name))
  var snapshots: [(taken: Snapshot, model: ModelState)] = []
  var stoppedScans: [StoppedScan] = []
  /// The readers of the session's store.
  var readers: [Reader] = []
  var lastOffset = Offset.zero
  private(set) var step = 0
  private(set) var operation = "open"

  init(_ directory: TemporaryDirectory, hasChangelog: Bool, seed: UInt64) {
    self.directory = directory
    self.hasChangelog = hasChangelog
    generator = SeededGenerator(seed: seed)
    var options = StoreOptions()
    // Table files come and go during the history.
    if Bool.random(using: &generator) { options.storedLagBytes = Int.random(in: 200...4000, using: &generator) }
    // Commits reach the database at once, several together, or only when they have to.
    options.waitingBytes = [0, 500, 5000, 2 << 20].randomElement(using: &generator)!
    options.tailDurability = .os
    self.options = options
  }

  /// Runs sessions until they have made this many steps, then verifies the store against its changelog.
  func run(steps: Int) throws {
    while step < steps { try runSession(steps: min(steps - step, pick(20...200))) }
    let store = try open()
    try checkSnapshot(try store.snapshot(), model.committed)
    if hasChangelog {
      let report = try store.verify(in: directory("scratch"))
      try expect(report.agrees, "verify: \(report.differenceCount) rows differ: \(report.differences)")
    }
    try store.close()
  }

  func expect(_ holds: Bool, _ what: @autoclosure () -> String) throws {
    if !holds { throw Mismatch(description: "step \(step), \(operation): \(what())") }
  }

  func expectEqual<T: Equatable>(_ store: T, _ model: T, _ what: @autoclosure () -> String) throws {
    if store != model {
      throw Mismatch(description: "step \(step), \(operation), \(what()): the store has \(store), the model \(model)")
    }
  }

  func open() throws -> StateStore {
    try StateStore.open(
      directory("store"), tables: Self.tables, changelog: hasChangelog ? try directory.log() : nil, options: options)
  }

  private func runSession(steps: Int) throws {
    operation = "open"
    let store = try open()
    try checkSnapshot(try store.snapshot(), model.committed)
    readers = [try store.reader(.readCommitted), try store.reader(.readUncommitted)]
    var transaction = try store.begin()
    for _ in 0..<steps {
      step += 1
      try takeStep(&transaction, store)
    }
    operation = "end of session"
    for (taken, state) in snapshots { try checkSnapshot(taken, state) }
    snapshots = []
    readers = []
    model.abort()
    if chance(2) { try store.close() }
  }

  private func takeStep(_ transaction: inout Transaction, _ store: StateStore) throws {
    switch pick(0...99) {
    case 0..<70: try change(&transaction, depth: 0)
    case 70..<82: try commit(&transaction)
    case 82..<85:
      operation = "abort"
      transaction.abort()
      model.abort()
    case 85..<88:
      operation = "flush"
      try store.flush()
    case 88..<94: try takeSnapshot(store)
    default: try readSnapshot()
    }
    try expectEqual(transaction.uncommittedEntries, model.uncommittedEntries, "uncommitted entries")
    try expectEqual(transaction.streamTime, model.current.streamTime, "stream time")
  }

  /// One change or read of the transaction; savepoints and scans run further ones inside.
  func change(_ transaction: inout Transaction, depth: Int) throws {
    switch pick(0...99) {
    case 0..<45: try write(&transaction)
    case 45..<60: try readKeys(&transaction)
    case 60..<65: try readLatest()
    case 65..<70:
      operation = "advance"
      let time = Timestamp(pick(0...1_000_000))
      transaction.advance(streamTime: time)
      model.advance(streamTime: time)
    case 70..<80 where depth < 4: try savepoint(&transaction, depth: depth)
    default: try scan(&transaction)
    }
  }

  private func commit(_ transaction: inout Transaction) throws {
    operation = "commit"
    var position = Position()
    for partition in 0..<3 where chance(3) { position[TopicPartition("input", Int32(partition))] = Offset(Int64(step)) }
    try transaction.commit(position)
    model.commit(position)
  }

  private func savepoint(_ transaction: inout Transaction, depth: Int) throws {
    struct Rollback: Error {}
    let (count, rollsBack) = (pick(0...8), chance(2))
    model.setSavepoint()
    do {
      try transaction.savepoint { inner in
        for _ in 0..<count { try change(&inner, depth: depth + 1) }
        if rollsBack { throw Rollback() }
      }
      model.releaseSavepoint()
    } catch is Rollback {
      model.rollBackToSavepoint()
    }
    operation = "savepoint of depth \(depth), \(rollsBack ? "rolled back" : "kept")"
    try expectEqual(transaction.uncommittedEntries, model.uncommittedEntries, "uncommitted entries")
    try expectEqual(transaction.streamTime, model.current.streamTime, "stream time")
  }
}

// MARK: Random choices

extension ModelHistory {
  /// Bytes that collide with each other and with the escapes of codecs.
  private static let alphabet: [UInt8] = [0x00, 0x01, 0x61, 0xFE, 0xFF]

  func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
  func chance(_ n: Int) -> Bool { pick(1...n) == 1 }
  func randomTable() -> Table<BytesCodec, BytesCodec> { Self.tables[min(pick(0...4), pick(0...2))] }

  /// 0 to 3 bytes: the empty key, and prefixes of one another.
  func randomKey(in table: Table<BytesCodec, BytesCodec>) -> [UInt8] {
    let length = pick(0...(table.name == "crowded" ? 1 : 3))
    return (0..<length).map { _ in Self.alphabet.randomElement(using: &generator)! }
  }

  func randomValue() -> [UInt8] {
    (0..<(chance(5) ? 0 : pick(0...24))).map { _ in UInt8.random(in: 0...255, using: &generator) }
  }

  func randomOrder() -> ScanOrder { chance(2) ? .ascending : .descending }

  func randomRange(in table: Table<BytesCodec, BytesCodec>) -> ModelRange {
    switch pick(0...4) {
    case 0: .all
    case 1: .from(randomKey(in: table))
    case 2: .upTo(randomKey(in: table))
    case 3: .between(randomKey(in: table), randomKey(in: table))
    default: .prefix(randomKey(in: table))
    }
  }

  func note(_ operation: String) { self.operation = operation }
}
