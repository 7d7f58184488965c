internal import Changelog
internal import Tidemark
internal import TidemarkTesting

/// A reader of a recorded history: new and old snapshots, single reads and scans, of committed and uncommitted rows.
final class IsolationReader {
  private struct OldSnapshot {
    let snapshot: Snapshot
    var operation: HistoryOperation
  }

  private let recorder: HistoryRecorder
  private let process: Int
  private let store: StateStore
  private let committed: Reader
  private let uncommitted: Reader
  private var random: SeededGenerator
  private var old: [OldSnapshot] = []

  init(_ store: StateStore, _ recorder: HistoryRecorder, process: Int, seed: UInt64) throws {
    self.store = store
    self.recorder = recorder
    self.process = process
    committed = try store.reader()
    uncommitted = try store.reader(.readUncommitted)
    random = SeededGenerator(seed: seed)
  }

  private func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
  private func chance(_ n: Int) -> Bool { pick(1...n) == 1 }

  /// Some keys; the last ones are those that are appended to after this number of transactions.
  private func keys(_ transactions: Int) -> Range<Int> {
    let first = IsolationLists.firstKey(behind: transactions)
    return max(0, first - (chance(4) ? pick(0...20) : 1))..<first + IsolationLists.width
  }

  /// Reads something while the writer is at this number of transactions.
  func step(_ transactions: Int) throws {
    let keys = keys(transactions)
    let table = pick(0...2)
    let order = chance(2) ? ScanOrder.ascending : .descending
    switch pick(0...99) {
    case 0..<35: try takeSnapshot(keys)
    case 35..<50: try readOldSnapshot(keys)
    case 50..<62:
      let key = keys.randomElement(using: &random)!
      try read(.read) {
        [IsolationLists.read(table, key, try committed.get(Int64(key), in: IsolationLists.tables[table]))]
      }
    case 62..<72:
      var operation = HistoryOperation(.read, process: process, begin: recorder.tick(), end: 0)
      // All steps of a scan see the same commit, the last one when the scan began.
      operation.actions = try IsolationLists.reads(table, keys) { lists, range in
        let cursor = try committed.scan(lists, range, order)
        operation.end = recorder.tick()
        return cursor
      }
      recorder.add(operation)
    case 72..<77:
      var operation = HistoryOperation(.read, process: process, begin: recorder.tick(), end: 0)
      operation.stamp = .init(committed.offset)
      operation.end = recorder.tick()
      recorder.add(operation)
    case 77..<92:
      let key = keys.randomElement(using: &random)!
      try read(.uncommittedRead) {
        [IsolationLists.read(table, key, try uncommitted.get(Int64(key), in: IsolationLists.tables[table]))]
      }
    default:
      try read(.uncommittedRead) {
        try IsolationLists.reads(table, keys) { try uncommitted.scan($0, $1, order) }
      }
    }
  }

  /// Releases its snapshots.
  func finish() {
    for old in old { recorder.add(old.operation) }
    old = []
  }

  private func read(
    _ kind: HistoryOperation.Kind, _ body: () throws -> [HistoryOperation.Action]
  ) throws {
    let begin = recorder.tick()
    let actions = try body()
    recorder.add(HistoryOperation(kind, process: process, begin: begin, end: recorder.tick(), actions))
  }

  // MARK: Snapshots

  private func takeSnapshot(_ keys: Range<Int>) throws {
    let begin = recorder.tick()
    let snapshot = try store.snapshot()
    var operation = HistoryOperation(
      .snapshot, process: process, begin: begin, end: recorder.tick(), stamp: .init(snapshot))
    for table in 0..<pick(1...3) { operation.actions += try lists(of: snapshot, table, keys) }
    guard chance(3) else { return recorder.add(operation) }
    if old.count == 3 { recorder.add(old.remove(at: pick(0...2)).operation) }
    old.append(OldSnapshot(snapshot: snapshot, operation: operation))
  }

  private func readOldSnapshot(_ keys: Range<Int>) throws {
    guard let number = old.indices.randomElement(using: &random) else { return }
    old[number].operation.actions += try lists(of: old[number].snapshot, pick(0...2), keys)
  }

  private func lists(of snapshot: Snapshot, _ table: Int, _ keys: Range<Int>) throws -> [HistoryOperation.Action] {
    let lists = IsolationLists.tables[table]
    switch pick(0...3) {
    case 0: return try keys.map { IsolationLists.read(table, $0, try snapshot.get(Int64($0), in: lists)) }
    case 1:
      let values = try snapshot.multiGet(keys.map { Int64($0) }, in: lists)
      return zip(keys, values).map { IsolationLists.read(table, $0, $1) }
    default:
      let order = chance(2) ? ScanOrder.ascending : .descending
      return try IsolationLists.reads(table, keys) { try snapshot.scan($0, $1, order) }
    }
  }
}
