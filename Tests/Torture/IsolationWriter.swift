internal import Changelog
internal import Tidemark
internal import TidemarkTesting

/// The writer of a recorded history: random transactions over several tables, some of which are aborted.
///
/// It computes by itself the stamp with which each commit must be seen: offset, position, stream time.
final class IsolationWriter {
  private struct Rollback: Error {}

  private let recorder: HistoryRecorder
  private let hasChangelog: Bool
  private var random: SeededGenerator
  private var lastElement = 0
  private var lastInput: Int64 = 0
  /// The stream time of the transaction.
  private var streamTime: Timestamp?
  /// The stamp of the last commit.
  private(set) var stamp = HistoryOperation.Stamp(0, [:])
  /// The commit whose outcome is unknown.
  private var unknown: HistoryOperation?
  /// The number of transactions so far.
  private(set) var transactions = 0
  /// Makes the changelog refuse appends, or accept them again.
  var setRefusal: (Bool) -> Void = { _ in }

  init(_ recorder: HistoryRecorder, seed: UInt64, hasChangelog: Bool) {
    self.recorder = recorder
    self.hasChangelog = hasChangelog
    random = SeededGenerator(seed: seed)
  }

  private func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
  private func chance(_ n: Int) -> Bool { pick(1...n) == 1 }

  /// Continues from the state that an open store shows, and records all of it.
  func begin(with snapshot: Snapshot, _ ticks: ClosedRange<Int>) throws {
    if transactions == 0 {
      // The definitions of the tables are a commit as well.
      stamp = HistoryOperation.Stamp(snapshot)
      recorder.add(
        HistoryOperation(.transaction, process: 0, begin: ticks.lowerBound, end: ticks.lowerBound, stamp: stamp))
    }
    if var operation = unknown {
      if snapshot.position == operation.stamp?.position { stamp = operation.stamp! } else { operation.stamp = nil }
      recorder.add(operation)
      unknown = nil
    }
    try record(snapshot, ticks)
  }

  /// Records the commit whose outcome will stay unknown, if there is one.
  func finish() {
    guard var operation = unknown else { return }
    operation.stamp = nil
    recorder.add(operation)
    unknown = nil
  }

  /// Records the whole contents of a snapshot.
  func record(_ snapshot: Snapshot, _ ticks: ClosedRange<Int>) throws {
    let keys = 0..<IsolationLists.firstKey(behind: transactions) + IsolationLists.width
    var actions: [HistoryOperation.Action] = []
    for table in IsolationLists.tables.indices {
      actions += try IsolationLists.reads(table, keys) { try snapshot.scan($0, $1) }
    }
    recorder.add(
      HistoryOperation(
        .snapshot, process: 0, begin: ticks.lowerBound, end: ticks.upperBound, stamp: .init(snapshot), actions))
  }

  /// Runs a transaction; `false` if its commit is unknown, after which the store accepts no other.
  func run(_ transaction: inout Transaction) throws -> Bool {
    var operation = HistoryOperation(.transaction, process: 0, begin: recorder.tick(), end: 0)
    streamTime = stamp.streamTime
    for _ in 0..<pick(1...5) { try act(&transaction, &operation.actions, depth: 0) }
    if chance(3) { advance(&transaction) }
    transactions += 1
    let isRefused = hasChangelog && chance(15)
    if isRefused { try commitInVain(&transaction) }
    if chance(isRefused ? 2 : 8) {
      transaction.abort()
      operation.outcome = .aborted
    } else if try !commit(&transaction, &operation) {
      unknown = operation
      return false
    }
    operation.end = recorder.tick()
    recorder.add(operation)
    return true
  }

  /// Commits; `false` if the outcome is unknown.
  private func commit(_ transaction: inout Transaction, _ operation: inout HistoryOperation) throws -> Bool {
    lastInput += 1
    // Each record has an offset, and each commit one more.
    let length = Int64(transaction.uncommittedEntries) + 1
    let next = HistoryOperation.Stamp(
      stamp.offset.advanced(by: length), [IsolationLists.input: Offset(lastInput)], streamTime: streamTime)
    operation.stamp = next
    do throws(StoreError) { try transaction.commit(next.position!) } catch {
      guard error.kind == .commitUnknown else { throw error }
      operation.outcome = .unknown
      return false
    }
    stamp = next
    return true
  }

  /// Tries to commit while the changelog refuses appends: nothing is committed, and everything stays staged.
  private func commitInVain(_ transaction: inout Transaction) throws {
    setRefusal(true)
    defer { setRefusal(false) }
    do throws(StoreError) { try transaction.commit([IsolationLists.input: Offset(lastInput + 1)]) } catch {
      guard error.kind == .unavailable else { throw error }
      return
    }
    throw Violation("a commit was acknowledged that the changelog has refused")
  }

  private func act(
    _ transaction: inout Transaction, _ actions: inout [HistoryOperation.Action], depth: Int
  ) throws {
    let first = IsolationLists.firstKey(behind: transactions)
    let table = pick(0...2)
    let key = first + pick(0...(IsolationLists.width - 1))
    switch pick(0...99) {
    case 0..<55:
      lastElement += 1
      let element = lastElement
      var before: [Int64]?
      try transaction.update(Int64(key), in: IsolationLists.tables[table]) { value in
        before = value
        value = (value ?? []) + [Int64(element)]
      }
      actions.append(IsolationLists.read(table, key, before))
      actions.append(.append(element, to: IsolationLists.name(table, key)))
    case 55..<67:
      let keys = (0..<pick(1...3)).map { _ in first + pick(0...(IsolationLists.width - 1)) }
      let values = try transaction.multiGet(keys.map { Int64($0) }, in: IsolationLists.tables[table])
      for (key, value) in zip(keys, values) { actions.append(IsolationLists.read(table, key, value)) }
    case 67..<77:
      let order = chance(2) ? ScanOrder.ascending : .descending
      actions += try IsolationLists.reads(table, max(0, first - 2)..<first + IsolationLists.width) {
        try transaction.scan($0, $1, order)
      }
    case 77..<95 where depth < 2: try actInSavepoint(&transaction, &actions, depth: depth)
    default: advance(&transaction)
    }
  }

  /// Advances stream time, or tries to set an earlier one.
  private func advance(_ transaction: inout Transaction) {
    let time = (stamp.streamTime ?? 0) + Timestamp(pick(1...9))
    transaction.advance(streamTime: time)
    streamTime = max(streamTime ?? time, time)
  }

  private func actInSavepoint(
    _ transaction: inout Transaction, _ actions: inout [HistoryOperation.Action], depth: Int
  ) throws {
    let (count, rollsBack) = (pick(1...3), chance(2))
    let formerTime = streamTime
    actions.append(.savepoint)
    do {
      try transaction.savepoint { inner in
        for _ in 0..<count { try act(&inner, &actions, depth: depth + 1) }
        if rollsBack { throw Rollback() }
      }
      actions.append(.release)
    } catch is Rollback {
      actions.append(.rollBack)
      streamTime = formerTime
    }
  }
}
