import Foundation
import Testing
import Tidemark
import TidemarkTesting

/// R12, replayable: the same log shows the same rows, whoever replays it and wherever commits fell.
@Suite struct RuleR12Tests {
  let directory: TemporaryDirectory

  struct Profile: Codable, Sendable, Equatable {
    var scores: [String: Int]
    var name: String
  }

  let profiles = Table("profiles", key: .string, value: .json(Profile.self))

  init() throws { directory = try TemporaryDirectory() }

  private func open(_ log: any Changelog, _ name: String, _ options: StoreOptions = .lazy) throws -> StateStore {
    try StateStore.open(directory(name), tables: [balances, orders, profiles], changelog: log, options: options)
  }

  /// The same events, with a commit after each `every` of them; dictionaries are filled in another order each time.
  private func run(_ store: StateStore, every: Int, seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var order = SystemRandomNumberGenerator()
    var transaction = try store.begin()
    for event in 0..<600 {
      let key = "key\(Int.random(in: 0..<50, using: &random))"
      switch Int.random(in: 0..<5, using: &random) {
      case 0: try transaction.delete(key, in: balances)
      case 1, 2: try transaction.update(key, in: balances) { $0 = ($0 ?? 0) + Int64(event) }
      case 3: try transaction.put((key, Int64(event % 5)), "\(event)", in: orders)
      default:
        var scores: [String: Int] = Dictionary(minimumCapacity: .random(in: 0..<200, using: &order))
        for game in (0..<20).shuffled(using: &order) { scores["game\(game)"] = event * game }
        try transaction.put(key, Profile(scores: scores, name: "a/b"), in: profiles)
      }
      transaction.advance(streamTime: Timestamp.random(in: 0..<10_000, using: &random))
      if (event + 1) % every == 0 { try transaction.commit(position(event + 1)) }
    }
    if 600 % every != 0 { try transaction.commit(position(600)) }
  }

  private func position(_ events: Int) -> Position {
    var position = Position()
    for partition in Array(Int32(0)..<12).shuffled() {
      position[TopicPartition("input\(partition % 3)", partition)] = Offset(Int64(events))
    }
    return position
  }

  /// Seen to fail with: JSON whose keys aren't sorted; positions in the order of a dictionary.
  @Test func theSameEventsGiveTheSameBytes() throws {
    let seed = testSeed()
    _ = try directory.log()
    // Two logs under one identity.
    try directory.copy("changelog", to: "twin")
    let logs = [try directory.log(), try FileLog.open(directory("twin"), TopicPartition("state", 0))]
    var receipts: [Receipt] = []
    for (number, log) in logs.enumerated() {
      let store = try open(log, "store\(number)")
      try run(store, every: 10, seed: seed)
      receipts.append(try store.info().receipt)
      try store.close()
    }
    #expect(receipts[0] == receipts[1], "receipts chain all bytes of all commits")
  }

  /// Seen to fail with: an applier that omits records depending on the batch size; stream time taken from the clock.
  @Test func itDoesNotMatterWhereCommitsFell() throws {
    let seed = testSeed()
    var tables: [[TableID: StoredImage.Rows]] = []
    var times: [Timestamp?] = []
    for every in [1, 7, 100, 600] {
      let log = try FileLog.open(directory("changelog\(every)"), TopicPartition("state", 0))
      let store = try open(log, "store\(every)", every == 7 ? .tiny : .lazy)
      try run(store, every: every, seed: seed)
      times.append(try store.snapshot().streamTime)
      #expect(try store.verify(in: directory("scratch")).agrees)
      try store.close()
      tables.append(try StoredImage(of: directory("store\(every)")).tables)
    }
    for table in tables { #expect(table == tables[0]) }
    for time in times { #expect(time == times[0]) }
    #expect(tables[0].values.allSatisfy { !$0.isEmpty })
  }

  /// Seen to fail with: an applier that omits records depending on the batch size.
  @Test func itDoesNotMatterWhoReplays() throws {
    let log = RecordingChangelog(try directory.log())
    do {
      let store = try open(log, "store", .tiny)
      try run(store, every: 13, seed: testSeed())
      try store.flush()
      try store.close()
    }
    let end = try log.offsets().end
    // Once in one go, once in many pieces, each of them cut short.
    try open(log, "whole").close()
    for step in Int64(1)...5 {
      var faults = RecordingChangelog.Faults()
      faults.read = (Offset(end.value / 6 * step), StoreError(.inputOutput, "the log can't be read"))
      log.setFaults(faults)
      _ = storeError(.inputOutput) { _ = try open(log, "pieces", .tiny) }
    }
    log.setFaults(RecordingChangelog.Faults())
    try open(log, "pieces", .tiny).close()
    let expected = try StoredImage.replay(log, to: end)
    for name in ["store", "whole", "pieces"] {
      let image = try StoredImage(of: directory(name))
      #expect(image.offset == end)
      #expect(image.tables == expected, "\(name)")
    }
  }
}
