import Tidemark
import TidemarkTesting

// MARK: Writing

extension ModelHistory {
  /// Changes one key, or a range.
  func write(_ transaction: inout Transaction) throws {
    let table = randomTable()
    let (key, value) = (randomKey(in: table), randomValue())
    switch pick(0...20) {
    case 0..<8:
      note("put \(key) in \(table.name)")
      try transaction.put(key, value, in: table)
      model.put(key, value, in: table.name)
    case 8..<11:
      note("putIfAbsent \(key) in \(table.name)")
      let did = try transaction.putIfAbsent(key, value, in: table)
      try expectEqual(did, model.putIfAbsent(key, value, in: table.name), "whether it was put")
    case 11..<16: try update(&transaction, key, value, in: table)
    case 16..<19:
      note("delete \(key) in \(table.name)")
      try transaction.delete(key, in: table)
      model.delete(key, in: table.name)
    default:
      let range = randomRange(in: table)
      note("deleteRange \(range) in \(table.name)")
      let count = try transaction.deleteRange(range.scanRange, in: table)
      try expectEqual(count, model.deleteRange(range, in: table.name), "rows deleted")
    }
  }

  private func update(
    _ transaction: inout Transaction, _ key: [UInt8], _ value: [UInt8], in table: Table<BytesCodec, BytesCodec>
  ) throws {
    struct Refusal: Error {}
    note("update \(key) in \(table.name)")
    let before = model.current[table.name].rows[key]
    let after: [UInt8]? = chance(3) ? nil : (before ?? []).suffix(8) + value
    let refuses = chance(6)
    var seen: [UInt8]?
    do {
      try transaction.update(key, in: table) { found in
        seen = found
        found = after
        if refuses { throw Refusal() }
      }
    } catch is Refusal {}
    try expectEqual(seen, before, "the value to update")
    if refuses { return }
    if let after { model.put(key, after, in: table.name) } else if before != nil { model.delete(key, in: table.name) }
  }
}

// MARK: Reading the transaction

extension ModelHistory {
  /// Reads one key or several.
  func readKeys(_ transaction: inout Transaction) throws {
    let table = randomTable()
    let rows = model.current[table.name].rows
    if chance(3) {
      let keys = (0..<pick(0...6)).map { _ in randomKey(in: table) }
      note("multiGet \(keys) in \(table.name)")
      try expectEqual(try transaction.multiGet(keys, in: table), keys.map { rows[$0] }, "values")
    } else {
      let key = randomKey(in: table)
      note("get \(key) in \(table.name)")
      try expectEqual(try transaction.get(key, in: table), rows[key], "value")
      let count = try transaction.withBytes(key, in: table) { $0.byteCount }
      try expectEqual(count, rows[key]?.count, "length of the value")
    }
  }

  /// Scans a range, often writing meanwhile, often stopping before its end and continuing from there.
  func scan(_ transaction: inout Transaction) throws {
    let table = randomTable()
    let (range, order) = (randomRange(in: table), randomOrder())
    let writes = chance(3)
    var last: [UInt8]?
    var cursor = try transaction.scan(table, range.scanRange, order)
    for _ in 0..<(chance(2) ? 1000 : pick(0...10)) {
      if writes, chance(2) { try write(&transaction) }
      if chance(8) {
        // Another cursor that continues from this one's position.
        cursor = try transaction.scan(table, range.scanRange, order, after: cursor.continuation)
      }
      note("scan of \(range) in \(table.name), \(order), behind \(last.map { "\($0)" } ?? "nothing")")
      let row = try cursor.next()
      let expected = model.current[table.name].next(after: last, in: range, order)
      try expectEqual(row?.key, expected?.key, "key")
      try expectEqual(row?.value, expected?.value, "value")
      guard let row else {
        try expect(try cursor.next() == nil, "a row behind the end")
        return
      }
      last = row.key
      try expectEqual(cursor.continuation?.lastKey, last, "continuation")
    }
    if let continuation = cursor.continuation {
      stoppedScans.append(StoppedScan(table: table, range: range, order: order, continuation: continuation))
    }
  }
}

// MARK: Readers and snapshots

extension ModelHistory {
  /// Reads a key and scans a range, in committed rows alone and with the transaction's changes.
  func readLatest() throws {
    for reader in readers {
      let state = reader.isolation == .readCommitted ? model.committed : model.current
      let table = randomTable()
      let key = randomKey(in: table)
      note("get \(key) in \(table.name), \(reader.isolation)")
      try expectEqual(try reader.get(key, in: table), state[table.name].rows[key], "value")
      try expectEqual(reader.position, model.committed.position, "position")
      let (range, order) = (randomRange(in: table), randomOrder())
      note("scan of \(range) in \(table.name), \(order), \(reader.isolation)")
      try check(try reader.scan(table, range.scanRange, order), state, behind: nil, table, range, order)
    }
  }

  /// Takes a snapshot and forgets an old one.
  func takeSnapshot(_ store: StateStore) throws {
    note("snapshot")
    let snapshot = try store.snapshot()
    try expect(snapshot.offset >= lastOffset, "offset \(snapshot.offset) after \(lastOffset)")
    lastOffset = snapshot.offset
    if snapshots.count == 4 { snapshots.remove(at: pick(0...3)) }
    snapshots.append((snapshot, model.committed))
  }

  /// Reads one of the old snapshots, or continues an old scan.
  func readSnapshot() throws {
    guard let (snapshot, state) = snapshots.randomElement(using: &generator) else { return }
    switch pick(0...5) {
    case 0:
      note("whole old snapshot")
      try checkSnapshot(snapshot, state)
    case 1...2:
      let table = randomTable()
      let keys = (0..<pick(0...8)).map { _ in randomKey(in: table) }
      note("multiGet \(keys) in \(table.name) of an old snapshot")
      try expectEqual(try snapshot.multiGet(keys, in: table), keys.map { state[table.name].rows[$0] }, "values")
      for key in keys { try expectEqual(try snapshot.get(key, in: table), state[table.name].rows[key], "value") }
    case 3:
      let table = randomTable()
      try check(snapshot, state, StoppedScan?.none, table, randomRange(in: table), randomOrder())
    default:
      guard !stoppedScans.isEmpty else { return }
      let stopped = stoppedScans.remove(at: pick(0...(stoppedScans.count - 1)))
      try check(snapshot, state, stopped, stopped.table, stopped.range, stopped.order)
    }
  }

  /// Compares everything that a snapshot shows.
  func checkSnapshot(_ snapshot: Snapshot, _ state: ModelState) throws {
    try expectEqual(snapshot.position, state.position, "position")
    try expectEqual(snapshot.streamTime, state.streamTime, "stream time")
    for table in Self.tables {
      for order in [ScanOrder.ascending, .descending] {
        try check(snapshot, state, StoppedScan?.none, table, .all, order)
      }
    }
  }

  private func check(
    _ snapshot: Snapshot, _ state: ModelState, _ stopped: StoppedScan?, _ table: Table<BytesCodec, BytesCodec>,
    _ range: ModelRange, _ order: ScanOrder
  ) throws {
    let start = stopped.map { "behind \($0.continuation.lastKey)" } ?? "from its start"
    note("scan of \(range) in \(table.name) of a snapshot, \(order), \(start)")
    let cursor = try snapshot.scan(table, range.scanRange, order, after: stopped?.continuation)
    try check(cursor, state, behind: stopped?.continuation.lastKey, table, range, order)
  }

  private func check(
    _ rows: consuming Cursor<BytesCodec, BytesCodec>, _ state: ModelState, behind key: [UInt8]?,
    _ table: Table<BytesCodec, BytesCodec>, _ range: ModelRange, _ order: ScanOrder
  ) throws {
    var cursor = rows
    var last = key
    while true {
      let row = try cursor.next()
      let expected = state[table.name].next(after: last, in: range, order)
      try expectEqual(row?.key, expected?.key, "key")
      try expectEqual(row?.value, expected?.value, "value")
      guard let row else { return }
      last = row.key
    }
  }
}
