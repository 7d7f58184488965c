import Changelog
import Foundation
import Testing
import Tidemark
import TidemarkTesting

/// R5, cheap recovery: an open replays `[stored offset, end)`, and state is never wiped because a process died.
@Suite struct RuleR5Tests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func tableFiles() throws -> Set<String> {
    Set(try FileManager.default.contentsOfDirectory(atPath: directory("store/db")).filter { $0.hasSuffix(".sst") })
  }

  /// Seen to fail with: a restore that begins at 0; a store that is moved aside when it wasn't closed.
  @Test func onlyWhatIsNotStoredIsReplayed() throws {
    let log = try directory.log()
    let stored: Offset
    let files: Set<String>
    do {
      let store = try directory.store(log)
      for number in 0..<500 { try store.write { try $0.put("key\(number)", 1, in: balances) } }
      try store.flush()
      stored = try store.info().storedOffset
      files = try tableFiles()
      for number in 0..<10 { try store.write { try $0.put("late\(number)", 1, in: balances) } }
    }
    #expect(!files.isEmpty)
    var steps: [OpenProgress] = []
    let store = try directory.store(log) { steps.append($0) }
    let last = try #require(steps.last)
    #expect(last.startOffset == stored)
    #expect(last.records == 10)
    #expect(last.offset == last.endOffset)
    // A compaction may have replaced some.
    #expect(try !files.isDisjoint(with: tableFiles()))
    #expect(try store.snapshot().allBalances().count == 510)
    try store.close()
  }

  /// Seen to fail with: a restore that begins at 0.
  @Test func aClosedStoreReplaysNothing() throws {
    let log = try directory.log()
    do {
      let store = try directory.store(log)
      for number in 0..<100 { try store.write { try $0.put("key\(number)", 1, in: balances) } }
      try store.close()
    }
    var steps: [OpenProgress] = []
    let store = try directory.store(log) { steps.append($0) }
    #expect(steps.map(\.records) == [0])
    #expect(steps.last?.phase == .ready)
    try store.close()
  }

  /// Restore writes sorted runs as it goes; the commits in them aren't read again.
  ///
  /// Seen to fail with: a restore that begins at 0.
  @Test func aCrashDuringRestoreCostsOnlyThePartSinceTheLastRun() throws {
    let log = RecordingChangelog(try directory.log())
    do {
      let store = try directory.store(log)
      for number in 0..<300 {
        try store.write { transaction in
          for row in 0..<10 {
            let text = String(repeating: "x", count: 4000)
            try transaction.put(("k\(number)", Int64(row)), text, in: orders)
          }
        }
      }
    }
    let end = try log.offsets().end
    var faults = RecordingChangelog.Faults()
    faults.read = (Offset(end.value - 20), StoreError(.inputOutput, "the log can't be read"))
    log.setFaults(faults)
    _ = storeError(.inputOutput) { _ = try directory.store(log, .tiny) }
    log.setFaults(RecordingChangelog.Faults())
    var steps: [OpenProgress] = []
    let store = try directory.store(log, .tiny) { steps.append($0) }
    let last = try #require(steps.last)
    #expect(last.records < 300, "the second restore goes on where the runs end")
    #expect(try store.verify(in: directory("scratch")).agrees)
  }

  /// A database whose CURRENT names a MANIFEST that is gone doesn't open, and would have to be restored from nothing.
  ///
  /// Seen to fail with: a CURRENT that is replaced before the name of the MANIFEST is synced.
  @Test func whatCurrentNamesIsThereWhenThePowerIsLost() throws {
    let root = directory("disk")
    try POSIXStorage().makeDirectory(root)
    let disk = Disk(recording: root, syncs: false)
    var options = StoreOptions.lazy
    options.fileSystem = disk.fileSystem
    let log = try FileLog.open(root, TopicPartition("state", 0), storage: disk.storage)
    for number in 0..<3 {
      let store = try directory.store(log, options, "disk/store")
      try store.write { try $0.put("key\(number)", 1, in: balances) }
      try store.close()
    }
    var images = CrashImages(disk.trace)
    var names: Set<String> = []
    while images.advance() {
      for choice in 0..<16 {
        let image = images.image(.some(seed: UInt64(16 * images.stepCount + choice)))
        guard let current = image["/store/db/CURRENT"] else { continue }
        let name = String(decoding: current.dropLast(), as: UTF8.self)
        names.insert(name)
        #expect(image["/store/db/" + name] != nil, "\(name), after step \(images.stepCount)")
      }
    }
    #expect(names.count > 2)
  }
}
