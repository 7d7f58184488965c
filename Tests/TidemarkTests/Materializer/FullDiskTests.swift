import Foundation
import SmallDisk
import Testing
import TidemarkTesting

@testable import Tidemark

/// Table files for which there is no room: the changelog holds their commits, so the store goes on, and catches up once
/// there is room.
@Suite(.enabled(if: SmallDisk.isPossible, "no file system can be mounted here"))
struct FullDiskTests:
  NumberedCommits
{
  let directory: TemporaryDirectory
  let disk: SmallDisk
  private let observed = Observed()

  init() throws {
    directory = try TemporaryDirectory()
    disk = try SmallDisk(directory("disk"), mebibytes: 12)
  }

  /// Fills the free space, including the space of removed files.
  private func refill(leaving bytes: Int) throws {
    try disk.sync()
    try disk.fill(leaving: bytes)
  }

  private var postponedCount: Int { observed.messages("there is no space for table files").count }

  /// Commits until one is refused; returns the number of rows.
  private func commitUntilFull(_ store: StateStore, from first: Int) throws -> Int {
    var rows = first
    let begin = ContinuousClock.now
    let full = storeError(.outOfSpace) {
      while rows < 2000 {
        try commit(rows, to: store)
        rows += 1
        // RocksDB removes files with a delay.
        if rows % 100 == 0 { try refill(leaving: 0) }
      }
    }
    #expect(full?.metadata.contains { $0.name == "tries" } == true)
    #expect(begin.duration(to: .now) < .seconds(20), "none waits for its whole patience")
    return rows
  }

  /// Seen to fail with: a store that stops when an application fails; commits that wait for room without limit.
  @Test func anApplicationIsTriedAgainUntilThereIsRoom() throws {
    let log = try directory.log()
    var options = observed.options
    options.waitingBytes = 64 << 10
    let store = try directory.store(log, options, "disk/store")
    var rows = 20
    for number in 0..<rows { try commit(number, to: store) }
    try store.flush()
    let stored = try store.info().storedOffset
    try refill(leaving: 8_000)
    // Half of the limit: no commit waits.
    while rows < 80 {
      try commit(rows, to: store)
      rows += 1
    }
    try #require(eventually { postponedCount >= 2 })
    try check(store, rows: rows)
    #expect(try store.info().storedOffset == stored)
    rows = try commitUntilFull(store, from: rows)
    try check(store, rows: rows)
    // The check took a snapshot, which merged runs, and the merged runs are larger.
    rows = try commitUntilFull(store, from: rows)
    // A refused commit stays in its transaction.
    do {
      var transaction = try store.begin()
      try transaction.put("last", Int64(rows), in: balances)
      try transaction.put(("row", Int64(rows)), text(rows), in: orders)
      let position: Position = [Self.input: Offset(Int64(rows + 1))]
      _ = storeError(.outOfSpace) { try transaction.commit(position) }
      try disk.makeRoom()
      #expect(
        eventually {
          do throws(StoreError) { try transaction.commit(position) } catch { return false }
          return true
        })
      rows += 1
    }
    let committed = try store.snapshot().offset
    try store.flush()
    #expect(try store.info().storedOffset == committed)
    try check(store, rows: rows)
    for number in rows..<rows + 100 { try commit(number, to: store) }
    rows += 100
    #expect(try eventually { try store.info().storedOffset > committed })
    #expect(try store.verify(in: directory("scratch")).agrees)
    try store.close()
    let next = try directory.store(log, .lazy, "disk/store")
    try check(next, rows: rows)
    try next.close()
  }

  /// Without another commit, and without a call.
  ///
  /// Seen to fail with: a store that stops when an application fails.
  @Test func theStoredOffsetCatchesUpByItself() throws {
    var options = observed.options
    options.waitingBytes = 64 << 10
    let store = try directory.store(try directory.log(), options, "disk/store")
    try refill(leaving: 0)
    let rows = try commitUntilFull(store, from: 0)
    try disk.makeRoom()
    let committed = try store.snapshot().offset
    #expect(try eventually { try store.info().storedOffset == committed })
    try check(store, rows: rows)
    try store.close()
  }

  /// Flushes, again and again: until a compaction has freed its space, table files or `HEAD` may not fit.
  private func flushes(_ store: StateStore) -> Bool {
    eventually { (try? store.flush()) != nil }
  }

  /// Compactions run out of space as well, or only they do.
  ///
  /// In either case nobody waits without end: a commit succeeds or says why not, and with room everything works again.
  @Test func compactionsForWhichThereIsNoRoomAreRepeatedOrStopTheStore() throws {
    let log = try directory.log()
    var options = observed.options
    options.waitingBytes = 32 << 10
    options.commitPatience = .milliseconds(500)
    options.columnFamilyOptions = [
      "level0_file_num_compaction_trigger": "2", "level0_slowdown_writes_trigger": "4",
      "level0_stop_writes_trigger": "6",
    ]
    var rows = 0
    for kibibytes in [300, 500, 700, 900] {
      do {
        let store = try directory.store(log, options, "disk/store")
        try refill(leaving: kibibytes << 10)
        var failure: StoreError?
        let first = rows
        while failure == nil, rows < first + 1500 {
          do { try commit(rows, to: store) } catch let error as StoreError { failure = error }
          if failure == nil { rows += 1 }
          if rows % 100 == 0 { try refill(leaving: kibibytes << 10) }
        }
        let error = try #require(failure)
        #expect(
          error.kind == .outOfSpace || (error.kind == .failed && error.causeKind == .outOfSpace), "\(error)")
        try check(store, rows: rows)
        try disk.makeRoom()
        if error.kind == .outOfSpace {
          var refusal: StoreError?
          let goesOn = eventually {
            do { try commit(rows, to: store) } catch let error as StoreError {
              refusal = error
              return error.kind != .outOfSpace
            } catch {
              return true
            }
            rows += 1
            refusal = nil
            return true
          }
          #expect(goesOn, "\(refusal.map { "\($0)" } ?? "nothing")")
          if refusal == nil {
            #expect(flushes(store))
            #expect(try store.info().storedOffset == store.snapshot().offset)
          } else {
            #expect(refusal?.kind == .failed, "it stops, and says so")
          }
        }
        // As if it were killed.
      }
      let store = try directory.store(log, .lazy, "disk/store")
      try check(store, rows: rows)
      // Room for the next.
      try store.write { try $0.deleteRange(.all, in: orders) }
      for number in 0..<rows { try store.write { try $0.put(("row", Int64(number)), text(number), in: orders) } }
      #expect(flushes(store))
      try store.close()
    }
    print("compactions without room: \(observed.messages("a compaction failed").count)")
  }

  /// A store opens on a disk without room for `HEAD`, and writes `HEAD` later.
  ///
  /// Seen to fail with: an opening that fails if `HEAD` can't be written.
  @Test func aStoreOpensWithoutRoomForHead() throws {
    let failing = Disk(syncs: false)
    var options = observed.options
    options.fileSystem = failing.fileSystem
    let log = try directory.log()
    let store = try directory.store(log, options)
    for number in 0..<20 { try commit(number, to: store) }
    try store.close()
    failing.plan(Disk.Fault(.write, pathSuffix: "HEAD.tmp", errno: ENOSPC))
    let next = try directory.store(log, options)
    try check(next, rows: 20)
    #expect(observed.messages("there is no space for HEAD").count == 1)
    try commit(20, to: next)
    try next.flush()
    #expect(try next.verify(in: directory("scratch")).agrees)
    try next.close()
  }

  /// Uses a failing disk instead of a full one, because a failing disk can fail at a single call.
  ///
  /// Seen to fail with: a directory for table files to be taken in that is removed and can't be made again.
  @Test func whatCannotBeTidiedUpIsTriedAgainAsWell() throws {
    let failing = Disk(syncs: false)
    var options = observed.options
    options.fileSystem = failing.fileSystem
    let store = try directory.store(try directory.log(), options)
    for number in 0..<20 { try commit(number, to: store) }
    failing.plan(Disk.Fault(.createDirectory, count: .max / 2, pathSuffix: "ingest", errno: ENOSPC))
    failing.plan(Disk.Fault(.write, pathSuffix: "/ingest/offsets.sst", errno: ENOSPC))
    _ = storeError(.outOfSpace) { try store.flush() }
    try commit(20, to: store)
    try store.flush()
    #expect(try store.info().storedOffset == store.snapshot().offset)
    try check(store, rows: 21)
    try store.close()
  }
}
