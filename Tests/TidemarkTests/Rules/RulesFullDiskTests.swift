import Foundation
import SmallDisk
import Testing
import Tidemark
import TidemarkTesting

/// A full disk: an error that says so, nothing lost, and work goes on once there is room.
///
/// On a small file system of its own (`SmallDisk`); skipped without the right to mount one.
@Suite(.enabled(if: SmallDisk.isPossible)) struct RulesFullDiskTests: NumberedCommits {
  let directory: TemporaryDirectory
  let disk: SmallDisk

  init() throws {
    directory = try TemporaryDirectory()
    disk = try SmallDisk(directory("disk"), mebibytes: 12)
  }

  func text(_ number: Int) -> String { String(repeating: "x", count: 5000) }

  /// Seen to fail with: a commit that is taken for done when its append throws.
  @Test func aCommitForWhichTheLogHasNoRoomCanBeTriedAgain() throws {
    let log = try FileLog.open(disk.path, TopicPartition("state", 0), options: FileLogOptions(segmentBytes: 1 << 20))
    let store = try directory.store(log)
    for number in 0..<20 { try commit(number, to: store) }
    try disk.fill(leaving: 60_000)
    var rows = 20
    let full = storeError(.outOfSpace) {
      while rows < 1000 {
        try commit(rows, to: store)
        rows += 1
      }
    }
    #expect(full != nil)
    try check(store, rows: rows)
    var transaction = try store.begin()
    try transaction.put("last", Int64(rows), in: balances)
    try transaction.put(("row", Int64(rows)), text(rows), in: orders)
    let position: Position = [Self.input: Offset(Int64(rows + 1))]
    for _ in 0..<3 { _ = storeError(.outOfSpace) { try transaction.commit(position) } }
    try disk.makeRoom()
    try transaction.commit(position)
    _ = consume transaction
    try check(store, rows: rows + 1)
    #expect(try store.verify(in: directory("scratch")).agrees)
    try store.close()
    let next = try directory.store(log)
    try check(next, rows: rows + 1)
    try next.close()
  }

  /// Seen to fail with: an application that is taken for done when it throws.
  @Test func aFlushForWhichThereIsNoRoomLosesNothing() throws {
    let log = try directory.log()
    let stored: Offset
    do {
      let store = try directory.store(log, .lazy, "disk/store")
      for number in 0..<20 { try commit(number, to: store) }
      try store.flush()
      stored = try store.info().storedOffset
      try disk.fill(leaving: 8_000)
      for number in 20..<200 { try commit(number, to: store) }
      _ = storeError(.outOfSpace) { try store.flush() }
      #expect(try store.info().storedOffset == stored)
      try check(store, rows: 200)
      _ = storeError(.outOfSpace) { try store.close() }
    }
    // Without room it may or may not open; either way nothing changes.
    _ = try? directory.store(log, .lazy, "disk/store").close()
    try disk.makeRoom()
    let store = try directory.store(log, .lazy, "disk/store")
    try check(store, rows: 200)
    try commit(200, to: store)
    try store.flush()
    #expect(try store.verify(in: directory("scratch")).agrees)
    try store.close()
    #expect(try StoredImage(of: directory("disk/store")).isReplay(of: log))
  }

  /// Seen to fail with: a restore that doesn't check how much room there is.
  @Test func aRestoreForWhichThereIsNoRoomSaysSoAndGoesOn() throws {
    let log = try directory.log()
    do {
      let store = try directory.store(log)
      for number in 0..<400 { try commit(number, to: store) }
    }
    var options = StoreOptions()
    options.waitingBytes = 64 << 10
    var refusals = 0
    for kibibytes in [600, 1200, 1800, 2200, 2600, 3000] {
      try FileManager.default.createDirectory(atPath: disk.path + "/store", withIntermediateDirectories: true)
      try disk.fill(leaving: kibibytes << 10)
      do {
        try directory.store(log, options, "disk/store").close()
      } catch let error as StoreError {
        #expect(error.kind == .outOfSpace, "\(error)")
        if error.metadata.contains(where: { $0.name == "needed bytes, about" }) { refusals += 1 }
      }
      try disk.makeRoom()
      let store = try directory.store(log, options, "disk/store")
      try check(store, rows: 400)
      try store.close()
      try FileManager.default.removeItem(atPath: disk.path + "/store")
    }
    #expect(refusals > 0, "what can't succeed isn't begun")
  }

  /// Store and log share a disk that fills up again and again; flushes happen by themselves.
  ///
  /// Seen to fail with: a commit that is taken for done when its append throws.
  @Test func whateverRunsOutFirstNothingAcknowledgedIsLost() throws {
    var rows = 0
    func open() throws -> StateStore {
      let log = try FileLog.open(disk.path, TopicPartition("state", 0), options: FileLogOptions(segmentBytes: 300_000))
      return try directory.store(log, .tiny, "disk/store")
    }
    var isLastUnknown = false
    for round in 0..<5 {
      do {
        let store = try open()
        // A commit with an unknown outcome may be in the log, as a whole.
        if isLastUnknown, try store.snapshot().get("last", in: balances) == Int64(rows) { rows += 1 }
        if rows > 0 { try check(store, rows: rows) }
        try disk.fill(leaving: 150_000 + 70_000 * round)
        let error = #expect(throws: StoreError.self) {
          while rows < 10_000 {
            try commit(rows, to: store)
            rows += 1
          }
        }
        isLastUnknown = error?.kind == .commitUnknown
        let isFull = error?.kind == .outOfSpace || error?.causeKind == .outOfSpace
        #expect(isLastUnknown || isFull, "\(error.map { "\($0)" } ?? "nothing")")
        try check(store, rows: rows)
      }
      try disk.makeRoom()
    }
    let store = try open()
    if isLastUnknown, try store.snapshot().get("last", in: balances) == Int64(rows) { rows += 1 }
    try check(store, rows: rows)
    #expect(try store.verify(in: directory("scratch")).agrees)
    try store.close()
  }
}
