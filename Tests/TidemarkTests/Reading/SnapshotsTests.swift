import Foundation
import Testing
import Tidemark

private let input = TopicPartition("input", 0)

/// Snapshots: one commit, unchanged, for as long as they live.
@Suite struct SnapshotsTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  func open(
    withChangelog: Bool = true, _ change: (inout StoreOptions) -> Void = { _ in }
  ) throws(StoreError) -> StateStore {
    var options = StoreOptions()
    change(&options)
    return try StateStore.open(
      directory("store"), tables: [balances, orders], changelog: withChangelog ? try directory.log() : nil,
      options: options)
  }

  @Test func aSnapshotStaysWhatItIsWhileCommitsGoOn() throws {
    let store = try open()
    var views: [Snapshot] = []
    for round in 0..<20 {
      try store.write([input: Offset(Int64(round))]) { transaction in
        for n in 0..<10 { try transaction.put("key\(n)", Int64(round), in: balances) }
        try transaction.delete("key\(round % 10)", in: balances)
        transaction.advance(streamTime: Int64(round))
      }
      views.append(try store.snapshot())
      if round % 7 == 3 { try store.flush() }
    }
    for (round, view) in views.enumerated() {
      #expect(view.position == [input: Offset(Int64(round))])
      #expect(view.streamTime == Int64(round))
      var cursor = try view.scan(balances)
      var rows = 0
      while let row = try cursor.next() {
        #expect(row.key != "key\(round % 10)")
        #expect(row.value == Int64(round))
        rows += 1
      }
      #expect(rows == 9)
    }
    for (a, b) in zip(views, views.dropFirst()) { #expect(a.offset < b.offset) }
  }

  @Test func aSnapshotDoesntSeeTheTransaction() throws {
    let store = try open()
    var transaction = try store.begin()
    try transaction.put("a", 1, in: balances)
    transaction.advance(streamTime: 5)
    let view = try store.snapshot()
    #expect(try view.get("a", in: balances) == nil)
    #expect(view.streamTime == nil)
    #expect(view.position == [:])
    try transaction.commit()
    #expect(try view.get("a", in: balances) == nil)
    #expect(try store.snapshot().get("a", in: balances) == 1)
  }

  @Test func withAChangelogTheOffsetIsItsEnd() throws {
    let log = try directory.log()
    let store = try StateStore.open(directory("store"), tables: [balances], changelog: log)
    for n in 0..<5 {
      try store.write { transaction in for k in 0...n { try transaction.put("\(k)", Int64(n), in: balances) } }
      let offset = try store.snapshot().offset
      #expect(try log.offsets().end == offset)
    }
    let last = try store.snapshot().offset
    try store.close()
    let reopened = try open()
    // `orders` is defined in a commit of its own.
    #expect(try reopened.snapshot().offset > last)
    let end = try reopened.snapshot().offset
    try reopened.close()
    #expect(try open().snapshot().offset == end)
  }

  @Test func withoutAChangelogTheOffsetIsThatOfTheTailLog() throws {
    var store = try open(withChangelog: false)
    let start = try store.snapshot().offset
    for n in 0..<3 { try store.write { try $0.put("a", Int64(n), in: balances) } }
    try store.write { _ in }
    // Each commit appends two records, the row's and its own; a commit without changes appends nothing.
    #expect(try store.snapshot().offset == start.advanced(by: 6))
    try store.close()
    store = try open(withChangelog: false)
    #expect(try store.snapshot().offset == start.advanced(by: 6))
    #expect(try store.snapshot().get("a", in: balances) == 2)
  }

  @Test func multiGetKeepsTheOrderAndSaysWhatIsMissing() throws {
    let store = try open()
    try store.write { for key in ["a", "b", "c"] { try $0.put(key, Int64(key.utf8.first!), in: balances) } }
    try store.flush()
    try store.write { transaction in
      try transaction.put("d", 100, in: balances)
      try transaction.delete("b", in: balances)
    }
    let view = try store.snapshot()
    #expect(try view.multiGet(["d", "b", "x", "a", "d", "", "c"], in: balances) == [100, nil, nil, 97, 100, nil, 99])
    #expect(try view.multiGet([], in: balances) == [])
    let keys = (0..<500).map { "missing\($0)" } + ["a"]
    #expect(try view.multiGet(keys, in: balances).compactMap { $0 } == [97])
  }

  @Test func withBytesShowsTheBytesAndPassesErrorsOn() throws {
    struct Refusal: Error {}
    let store = try open()
    try store.write { try $0.put("a", 1, in: balances) }
    let view = try store.snapshot()
    let found = try view.withBytes("a", in: balances) { $0.copied }
    #expect(found == [0x80, 0, 0, 0, 0, 0, 0, 1])
    #expect(try view.withBytes("b", in: balances) { $0.copied } == nil)
    func refuse(_ bytes: RawSpan) throws -> Int { throw Refusal() }
    #expect(throws: Refusal.self) { _ = try view.withBytes("a", in: balances, refuse) }
  }

  @Test func aCursorOutlivesItsSnapshotVariable() throws {
    let store = try open()
    try store.write { for n in 0..<10 { try $0.put("\(n)", Int64(n), in: balances) } }
    func scan() throws -> Cursor<StringCodec, IntegerCodec<Int64>> { try store.snapshot().scan(balances) }
    var cursor = try scan()
    #expect(try cursor.next()?.key == "0")
    try store.write { _ = try $0.deleteRange(.all, in: balances) }
    try store.flush()
    var keys: [String] = []
    while let row = try cursor.next() { keys.append(row.key) }
    #expect(keys == (1..<10).map { "\($0)" })
    #expect(try cursor.next() == nil)
  }

  @Test func aContinuationGoesOnInALaterSnapshotOfAReopenedStore() throws {
    var continuation: ScanContinuation?
    do {
      let store = try open()
      try store.write { for n in 0..<10 { try $0.put("\(n)", Int64(n), in: balances) } }
      let view = try store.snapshot()
      var cursor = try view.scan(balances, .upTo("8"), .descending)
      #expect(cursor.continuation == nil)
      for _ in 0..<3 { _ = try cursor.next() }
      continuation = cursor.continuation
      try store.close()
    }
    let store = try open()
    try store.write { try $0.delete("4", in: balances) }
    var cursor = try store.snapshot().scan(balances, .upTo("8"), .descending, after: continuation)
    var keys: [String] = []
    while let row = try cursor.next() { keys.append(row.key) }
    #expect(keys == ["3", "2", "1", "0"])
  }

  // MARK: After close

  /// The directory is free once the last snapshot and cursor of the store are gone.
  @Test func aSnapshotKeepsTheDirectoryLockedAfterCloseUntilItIsGone() throws {
    func readAndCheckLocked(_ view: consuming Snapshot) throws {
      let error = #expect(throws: StoreError.self) { _ = try open() }
      #expect(error?.kind == .locked)
      #expect(error?.metadata.first?.value == "\(ProcessInfo.processInfo.processIdentifier)")
    }
    do {
      let store = try open()
      try store.write { try $0.put("a", 1, in: balances) }
      let view = try store.snapshot()
      try store.close()
      #expect(try view.get("a", in: balances) == 1)
      try readAndCheckLocked(view)
    }
    let store = try open()
    #expect(try store.snapshot().get("a", in: balances) == 1)
  }

  @Test func aCursorKeepsTheDirectoryLockedAfterCloseUntilItIsGone() throws {
    func leaveCursor() throws -> Cursor<StringCodec, IntegerCodec<Int64>> {
      let store = try open()
      try store.write { for n in 0..<3 { try $0.put("\(n)", Int64(n), in: balances) } }
      let cursor = try store.snapshot().scan(balances)
      try store.close()
      return cursor
    }
    do {
      var cursor = try leaveCursor()
      let error = #expect(throws: StoreError.self) { _ = try open() }
      #expect(error?.kind == .locked)
      var rows = 0
      while try cursor.next() != nil { rows += 1 }
      #expect(rows == 3)
    }
    try open().close()
  }

  @Test func withoutSnapshotsAClosedDirectoryIsFreeAtOnce() throws {
    for n in 0..<5 {
      let store = try open()
      try store.write { try $0.put("a", Int64(n), in: balances) }
      if n % 2 == 0 { try store.close() }
    }
    #expect(try open().snapshot().get("a", in: balances) == 4)
  }
}
