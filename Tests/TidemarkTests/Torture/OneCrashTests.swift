import Changelog
import Testing
import Tidemark
import TidemarkTesting

/// The power is cut at every step of a short story: the smallest crash test.
///
/// Read it before `CrashSweep`, which does the same to long histories and to the recoveries from them.
@Suite struct OneCrashTests {
  /// The model: the rows after none, one, two and three commits.
  private let model: [[String: Int64]] = [[:], ["anna": 1], ["anna": 2, "bert": 5], ["bert": 5]]
  private let input = TopicPartition("input", 0)
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory(inMemory: true) }

  /// Opens the store that lies in a directory: the log and RocksDB make all of their calls through the disk.
  private func open(_ root: String, on disk: Disk) throws -> StateStore {
    let options = FileLogOptions(durability: .sync)
    let log = try FileLog.open(root, TopicPartition("state", 0), options: options, storage: disk.storage)
    var store = StoreOptions.lazy
    store.fileSystem = disk.fileSystem
    return try StateStore.open(root + "/store", tables: [balances], changelog: log, options: store)
  }

  /// Seen to fail with: a log that doesn't sync its appends.
  @Test func afterAPowerCutAtAnyStepTheStoreShowsExactlyOneCommit() throws {
    let root = directory("recorded")
    try POSIXStorage().makeDirectory(root)

    // The story. The disk records every write, sync, rename and removal below `root`. It passes them on, but for the
    // syncs: only the record needs them. A commit tells its position, so that a reader can tell which commit it sees.
    let disk = Disk(recording: root, syncs: false)
    let store = try open(root, on: disk)
    var begun = [0]
    var acknowledged = [0]
    for number in 1..<model.count {
      begun.append(disk.stepCount)
      try store.write([input: Offset(Int64(number))]) { transaction in
        for (key, value) in model[number] { try transaction.put(key, value, in: balances) }
        for key in model[number - 1].keys where model[number][key] == nil { try transaction.delete(key, in: balances) }
      }
      acknowledged.append(disk.stepCount)
    }
    // The log alone has the commits until here. Closing writes them to table files, and then `HEAD`.
    try store.close()

    // The crashes. The record yields the disk as a power cut after each step may leave it: with nothing but the synced
    // data; and, if there is unsynced data, with some of it, torn at sectors.
    var random = SeededGenerator()
    var images = CrashImages(disk.trace)
    var seen: Set<Int> = []
    repeat {
      let step = images.stepCount
      for loss in images.hasUnsynced ? [CrashImages.Loss.everything, .some(seed: random.next())] : [.everything] {
        let image = directory("image")
        _ = try images.image(loss).write(to: image, inPlaceOf: [root])
        let reopened = try open(image, on: Disk(syncs: false))
        let view = try reopened.snapshot()
        let shown = Int((view.position[input] ?? 0).value)

        // The rows are those of one commit, with its position (R1, R4): the last one that was acknowledged, or one that
        // was under way (R6).
        let promised = acknowledged.lastIndex { $0 <= step }!
        let possible = begun.lastIndex { $0 < step } ?? 0
        #expect((promised...possible).contains(shown), "commit \(shown) shows after step \(step), losing \(loss)")
        #expect(try view.allBalances() == model[shown], "after step \(step), losing \(loss)")
        try reopened.close()
        seen.insert(shown)
      }
    } while images.advance()
    #expect(seen == [0, 1, 2, 3])
  }
}
