import Foundation
import SmallDisk
import Testing
import Tidemark
import TidemarkTesting

/// A disk that is full at one step or another: `outOfSpace`, nothing lost, and work goes on once there is room.
///
/// Each test tries several amounts of room: the step at which space runs out depends on the file system.
@Suite(.enabled(if: SmallDisk.isPossible, "no file system can be mounted here"))
struct RulesFullDiskStepsTests:
  NumberedCommits
{
  let directory: TemporaryDirectory
  let disk: SmallDisk

  init() throws {
    directory = try TemporaryDirectory()
    disk = try SmallDisk(directory("disk"), mebibytes: 12)
  }

  /// Checks also that the files alone are the replay.
  private func checkWholly(_ store: StateStore, _ log: FileLog, rows: Int) throws {
    try check(store, rows: rows)
    #expect(try store.verify(in: directory("scratch")).agrees)
    try store.close()
    #expect(try StoredImage(of: directory("disk/store")).isReplay(of: log))
  }

  /// Whether an error says that there is no room, or that the store stopped because there was none.
  private func saysFull(_ error: StoreError) -> Bool {
    error.kind == .outOfSpace || (error.kind == .failed && error.causeKind == .outOfSpace)
  }

  private func isThere(_ name: String) -> Bool { FileManager.default.fileExists(atPath: directory(name)) }

  /// Table files are written in the background; the changelog has every acknowledged commit.
  ///
  /// Seen to fail with: an application that is taken for done when it throws.
  @Test func aRunThatCannotBeAppliedIsRestored() throws {
    let log = try directory.log()
    var rows = 0
    for kibibytes in [160, 240, 320] {
      do {
        let store = try directory.store(log, .tiny, "disk/store")
        try disk.fill(leaving: kibibytes << 10)
        let error = #expect(throws: StoreError.self) {
          while rows < 10_000 {
            try commit(rows, to: store)
            rows += 1
          }
        }
        #expect(error.map(saysFull) == true, "\(error.map { "\($0)" } ?? "nothing")")
        try check(store, rows: rows)
        // As if it were killed.
      }
      try disk.makeRoom()
      let store = try directory.store(log, .tiny, "disk/store")
      try check(store, rows: rows)
      try commit(rows, to: store)
      rows += 1
      try checkWholly(store, log, rows: rows)
    }
  }

  /// Beside the store, where table files are hard links, and from another file system, where they are copied.
  ///
  /// Seen to fail with: remains of a failed checkpoint.
  @Test(arguments: ["disk/store", "store"])
  func aCheckpointForWhichThereIsNoRoomLeavesNothing(_ name: String) throws {
    let log = try directory.log()
    let store = try directory.store(log, .lazy, name)
    var (rows, failures) = (100, 0)
    for number in 0..<rows { try commit(number, to: store) }
    try store.flush()
    for kibibytes in [0, 4, 16, 64] {
      try disk.fill(leaving: kibibytes << 10)
      do throws(StoreError) {
        _ = try store.checkpoint(to: directory("disk/checkpoint"))
        try? FileManager.default.removeItem(atPath: directory("disk/checkpoint"))
      } catch {
        #expect(error.kind == .outOfSpace, "\(error)")
        failures += 1
      }
      #expect(!isThere("disk/checkpoint") && !isThere("disk/checkpoint.partial"))
      let staged = try FileManager.default.contentsOfDirectory(atPath: directory(name))
      #expect(!staged.contains { $0.hasSuffix(".partial") })
      // Into the log alone, which has room.
      try commit(rows, to: store)
      rows += 1
      try check(store, rows: rows)
      try disk.makeRoom()
      try store.flush()
    }
    #expect(failures > 0)
    let checkpoint = try store.checkpoint(to: directory("disk/checkpoint"))
    try store.close()
    try Checkpoint.verified(checkpoint.directory).copy(to: directory("disk/copy"))
    let copy = try directory.store(log, .lazy, "disk/copy")
    try check(copy, rows: rows)
    try copy.close()
  }

  /// The changelog is on the full disk, too, and holds the commits that the store must restore.
  ///
  /// Seen to fail with: errors of the database that don't distinguish a full disk from another failure.
  @Test func aStoreThatHasNoRoomToOpenIsLeftAsItIs() throws {
    let log = try FileLog.open(disk.path, TopicPartition("state", 0))
    var (rows, failures) = (30, 0)
    do {
      let store = try directory.store(log, .lazy, "disk/store")
      for number in 0..<rows { try commit(number, to: store) }
      try store.flush()
      for number in rows..<rows + 20 { try commit(number, to: store) }
      rows += 20
    }
    for kibibytes in [0, 4, 8, 16, 32, 64, 128] {
      try disk.fill(leaving: kibibytes << 10)
      do {
        _ = try directory.store(log, .lazy, "disk/store")
      } catch let error as StoreError {
        #expect(error.kind == .outOfSpace, "\(error)")
        failures += 1
      }
      try disk.makeRoom()
      // Not closed: the restored commits are restored again.
      let store = try directory.store(log, .lazy, "disk/store")
      try check(store, rows: rows)
      try commit(rows, to: store)
      rows += 1
    }
    #expect(failures > 0)
    try checkWholly(try directory.store(log, .lazy, "disk/store"), log, rows: rows)
  }

  /// Each step of a fork runs out of room; the fork is then repeated and works.
  ///
  /// Seen to fail with: a fork that appears under its name before it is whole.
  @Test func aForkForWhichThereIsNoRoomIsMadeOnceThereIs() throws {
    let log = try directory.log()
    let rows = 60
    do {
      let store = try directory.store(log)
      for number in 0..<rows { try commit(number, to: store) }
      try store.close()
    }
    let forkedPartition = TopicPartition("fork", 0)
    /// Runs a step with no room, almost none, a little, and at last enough, until it works.
    func step<R>(_ path: String, _ body: () throws -> R) throws -> R {
      var failures = 0
      for kibibytes in [0, 8, 24] {
        try disk.fill(leaving: kibibytes << 10)
        do {
          let result = try body()
          try disk.makeRoom()
          #expect(failures > 0)
          return result
        } catch let error as StoreError {
          #expect(error.kind == .outOfSpace, "\(error)")
          failures += 1
        }
        #expect(!isThere(path))
        try disk.makeRoom()
      }
      return try body()
    }
    let past = try step("disk/past") {
      try StateStore.restore(to: disk.path + "/past", from: log, upTo: .offset(Offset(.max)))
    }
    let forked = try step("disk/fork-0") { try log.fork(to: disk.path, forkedPartition, at: past.offset) }
    let base = try step("disk/base") { try past.fork(to: disk.path + "/base", changelog: forked) }
    try step("disk/store") { try base.copy(to: disk.path + "/store") }
    let store = try directory.store(forked, .lazy, "disk/store")
    try check(store, rows: rows)
    try commit(rows, to: store)
    try check(store, rows: rows + 1)
    try store.close()
    // The forked state is unchanged.
    let origin = try directory.store(log)
    try check(origin, rows: rows)
    try origin.close()
  }

  /// Table files are in the database, and `HEAD` can't be written: an error, and the store goes on.
  ///
  /// Seen to fail with: a store that stops when `HEAD` can't be written.
  @Test func aHeadForWhichThereIsNoRoomIsWrittenLater() throws {
    let log = try directory.log()
    var (rows, heads) = (0, 0)
    var options = StoreOptions.lazy
    options.columnFamilyOptions = ["disable_auto_compactions": "true"]
    // The file system decides whether all but HEAD find a block; mostly this happens once in a round.
    let amounts = (0..<10).flatMap { _ in stride(from: 0, through: 80, by: 4) }
    for (index, kibibytes) in amounts.enumerated() where heads == 0 || index <= 20 {
      do {
        let store = try directory.store(log, options, "disk/store")
        try commit(rows, to: store)
        rows += 1
        try disk.fill(leaving: kibibytes << 10)
        do throws(StoreError) { try store.flush() } catch {
          #expect(saysFull(error), "\(error)")
          if error.metadata.contains(where: { $0.value.hasSuffix("HEAD.tmp") }) {
            heads += 1
            try commit(rows, to: store)
            rows += 1
            try disk.makeRoom()
            try store.flush()
            try check(store, rows: rows)
            try disk.fill(leaving: 0)
          }
        }
        // As if it were killed.
      }
      try disk.makeRoom()
      let store = try directory.store(log, options, "disk/store")
      try check(store, rows: rows)
      try store.close()
    }
    #expect(heads > 0)
    try checkWholly(try directory.store(log, .lazy, "disk/store"), log, rows: rows)
  }
}
