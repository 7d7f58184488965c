import Foundation
import Testing
import Tidemark

import struct Synchronization.Atomic
import TidemarkTesting

private let input = TopicPartition("input", 0)
private let copies = Table("copies", key: .int64, value: .int64)

/// Readers on several threads beside the writer.
@Suite struct SnapshotsThreadTests {
  /// The writer moves amounts between accounts and counts rounds in a second table.
  ///
  ///     writer                                     readers
  ///     round n: two accounts change, copies[i]=n
  ///     commit, input: n, stream time: n           snapshot: whatever n it says, all accounts add up to 0,
  ///                                                every copy and the counter say n
  @Test(arguments: [true, false]) func everySnapshotIsOneCommitWhileTheWriterGoesOn(_ hasChangelog: Bool) throws {
    let (rounds, accounts) = (300, 8)
    let directory = try TemporaryDirectory()
    var options = StoreOptions()
    options.storedLagBytes = 20_000
    options.tailDurability = .os
    let store = try StateStore.open(
      directory("store"), tables: [balances, copies], changelog: hasChangelog ? try directory.log() : nil,
      options: options)
    let seed = testSeed()
    let isDone = Atomic<Bool>(false)
    let taken = Atomic<Int>(0)
    let failures = FailureList()

    DispatchQueue.concurrentPerform(iterations: 4) { thread in
      do {
        if thread == 0 {
          defer { isDone.store(true, ordering: .releasing) }
          var generator = SeededGenerator(seed: seed)
          var transaction = try store.begin()
          for round in 1...rounds {
            let from = Int.random(in: 0..<accounts, using: &generator)
            let to = Int.random(in: 0..<accounts, using: &generator)
            try transaction.update("account\(from)", in: balances) { $0 = ($0 ?? 0) - Int64(round) }
            try transaction.update("account\(to)", in: balances) { $0 = ($0 ?? 0) + Int64(round) }
            for copy in 0..<5 { try transaction.put(Int64(copy), Int64(round), in: copies) }
            transaction.advance(streamTime: Int64(round))
            try transaction.commit([input: Offset(Int64(round))])
          }
        } else {
          var last = Offset.zero
          var isLast = false
          while !isLast {
            isLast = isDone.load(ordering: .acquiring)
            let view = try store.snapshot()
            try check(view, accounts, byKeys: thread == 1)
            if view.offset < last { throw Wrong(what: "offset \(view.offset) after \(last)") }
            last = view.offset
            taken.add(1, ordering: .relaxed)
          }
        }
      } catch {
        isDone.store(true, ordering: .releasing)
        failures.append("thread \(thread): \(error)")
      }
    }
    #expect(failures.all == [])
    #expect(taken.load(ordering: .relaxed) >= 3)
    #expect(try store.snapshot().position[input] == Offset(Int64(rounds)))
    if hasChangelog { #expect(try store.verify(in: directory("scratch")).agrees) }
    try store.close()
  }

  struct Wrong: Error {
    let what: String
  }

  /// Whether position, stream time and both tables are of one commit.
  private func check(_ view: Snapshot, _ accounts: Int, byKeys: Bool) throws {
    let round = view.position[input]?.value
    if view.streamTime != round { throw Wrong(what: "stream time \(view.streamTime as Any) at \(round as Any)") }
    var sum: Int64 = 0
    if byKeys {
      for value in try view.multiGet((0..<accounts).map { "account\($0)" }, in: balances) { sum += value ?? 0 }
    } else {
      var cursor = try view.scan(balances, .prefix("account"), .descending)
      while let row = try cursor.next() { sum += row.value }
    }
    if sum != 0 { throw Wrong(what: "sum \(sum) at \(round as Any)") }
    for copy in 0..<5 {
      let value = try view.get(Int64(copy), in: copies)
      if value != round { throw Wrong(what: "copy \(copy) says \(value as Any) at \(round as Any)") }
    }
  }

  @Test func oneSnapshotIsReadByManyThreads() throws {
    let directory = try TemporaryDirectory()
    let store = try StateStore.open(directory("store"), tables: [balances], changelog: try directory.log())
    try store.write { for n in 0..<200 { try $0.put("key\(n)", Int64(n), in: balances) } }
    let view = try store.snapshot()
    let failures = FailureList()
    DispatchQueue.concurrentPerform(iterations: 4) { thread in
      do {
        if thread == 0 {
          for n in 0..<50 { try store.write { try $0.put("key\(n)", -1, in: balances) } }
          try store.flush()
        }
        for n in 0..<200 where try view.get("key\(n)", in: balances) != Int64(n) { failures.append("key\(n)") }
        var cursor = try view.scan(balances)
        var sum: Int64 = 0
        while let row = try cursor.next() { sum += row.value }
        if sum != 199 * 100 { failures.append("sum \(sum)") }
      } catch {
        failures.append("thread \(thread): \(error)")
      }
    }
    #expect(failures.all == [])
  }
}

/// Failures on any thread.
final class FailureList: Sendable {
  private let texts = Mutex<[String]>([])
  var all: [String] { texts.withLock { $0 } }
  func append(_ text: String) { texts.withLock { $0.append(text) } }
}
