import Foundation
import Testing
import Tidemark

private let bytes = Table("bytes", key: .bytes, value: .bytes)
private let input = TopicPartition("input", 0)
private struct Refusal: Error {}

/// One transaction: the changes that it shows, drops and commits.
@Suite struct TransactionsTests {
  let directory: TemporaryDirectory
  let store: StateStore

  init() throws {
    directory = try TemporaryDirectory()
    store = try StateStore.open(directory("store"), tables: [balances, bytes], changelog: try directory.log())
  }

  func committed() throws -> [String: Int64] {
    var rows: [String: Int64] = [:]
    var cursor = try store.snapshot().scan(balances)
    while let row = try cursor.next() { rows[row.key] = row.value }
    return rows
  }

  // MARK: Savepoints

  @Test func aThrownSavepointRestoresRowsCountsAndStreamTime() throws {
    var transaction = try store.begin()
    try transaction.put("a", 1, in: balances)
    transaction.advance(streamTime: 10)
    let (entries, byteCount) = (transaction.uncommittedEntries, transaction.uncommittedBytes)
    #expect(throws: Refusal.self) {
      try transaction.savepoint { inner in
        try inner.put("a", 2, in: balances)
        try inner.delete("b", in: balances)
        inner.advance(streamTime: 20)
        #expect(inner.streamTime == 20)
        throw Refusal()
      }
    }
    #expect(try transaction.get("a", in: balances) == 1)
    #expect(transaction.uncommittedEntries == entries)
    #expect(transaction.uncommittedBytes == byteCount)
    #expect(transaction.streamTime == 10)
    try transaction.commit()
    #expect(try committed() == ["a": 1])
    #expect(try store.snapshot().streamTime == 10)
  }

  @Test func savepointsNestAndEachRollsBackItsOwn() throws {
    var transaction = try store.begin()
    try transaction.savepoint { outer in
      try outer.put("outer", 1, in: balances)
      try? outer.savepoint { middle in
        try middle.put("middle", 1, in: balances)
        try middle.savepoint { inner in try inner.put("inner", 1, in: balances) }
        #expect(try middle.get("inner", in: balances) == 1)
        throw Refusal()
      }
      #expect(try outer.get("middle", in: balances) == nil)
      #expect(try outer.get("inner", in: balances) == nil)
      try outer.savepoint { kept in try kept.put("kept", 1, in: balances) }
    }
    try transaction.commit()
    #expect(try committed() == ["outer": 1, "kept": 1])
  }

  @Test func aSavepointReturnsWhatItsBodyReturns() throws {
    var transaction = try store.begin()
    #expect(try transaction.savepoint { try $0.putIfAbsent("a", 1, in: balances) })
  }

  @Test func aCommitInsideOfASavepointIsRefusedAndChangesNothing() throws {
    var transaction = try store.begin()
    try transaction.put("a", 1, in: balances)
    try transaction.savepoint { inner in
      try inner.put("b", 2, in: balances)
      let error = #expect(throws: StoreError.self) { try inner.commit() }
      #expect(error?.kind == .invalidArgument)
    }
    #expect(try committed() == [:])
    try transaction.commit()
    #expect(try committed() == ["a": 1, "b": 2])
  }

  @Test func anAbortInsideOfASavepointDropsEverything() throws {
    var transaction = try store.begin()
    try transaction.put("a", 1, in: balances)
    try transaction.savepoint { inner in
      inner.abort()
      try inner.put("b", 2, in: balances)
      try inner.savepoint { try $0.put("c", 3, in: balances) }
    }
    #expect(transaction.uncommittedEntries == 2)
    #expect(throws: Refusal.self) {
      try transaction.savepoint { inner in
        inner.abort()
        try inner.put("d", 4, in: balances)
        throw Refusal()
      }
    }
    #expect(transaction.uncommittedEntries == 0)
    try transaction.put("e", 5, in: balances)
    try transaction.commit()
    #expect(try committed() == ["e": 5])
  }

  // MARK: What a commit appends

  @Test func aCommitWithNothingAppendsNothing() throws {
    try store.write([input: 1]) { transaction in
      try transaction.put("a", 1, in: balances)
      transaction.advance(streamTime: 7)
    }
    let offset = try store.snapshot().offset
    var transaction = try store.begin()
    try transaction.commit()
    try transaction.commit([input: 1])
    transaction.advance(streamTime: 6)
    try transaction.commit()
    try? transaction.savepoint { inner in
      try inner.put("b", 1, in: balances)
      inner.advance(streamTime: 9)
      throw Refusal()
    }
    try transaction.commit()
    #expect(try store.snapshot().offset == offset)
  }

  @Test func aCommitOfOnlyAPositionAppends() throws {
    let offset = try store.snapshot().offset
    try store.write([input: 5]) { _ in }
    #expect(try store.snapshot().offset > offset)
    #expect(try store.snapshot().position == [input: 5])
  }

  @Test func aCommitOfOnlyALaterStreamTimeAppends() throws {
    let offset = try store.snapshot().offset
    try store.write { $0.advance(streamTime: -5) }
    #expect(try store.snapshot().offset > offset)
    #expect(try store.snapshot().streamTime == -5)
  }

  @Test func partitionsThatACommitDoesntNameStayWhereTheyWere() throws {
    let other = TopicPartition("input", 1)
    try store.write([input: 5]) { _ in }
    try store.write([other: 3]) { _ in }
    try store.write([input: 6]) { _ in }
    #expect(try store.snapshot().position == [input: 6, other: 3])
  }

  @Test func manyChangesOfAKeyAreOneRecord() throws {
    let offset = try store.snapshot().offset
    try store.write { transaction in
      for n in 0..<100 { try transaction.put("hot", Int64(n), in: balances) }
    }
    // The commit's own record and one of the key.
    #expect(try store.snapshot().offset == offset.advanced(by: 2))
  }

  // MARK: The life of a transaction

  @Test func aTransactionIsUsedAgainAfterCommitAndAbort() throws {
    var transaction = try store.begin()
    try transaction.put("a", 1, in: balances)
    transaction.advance(streamTime: 5)
    try transaction.commit()
    #expect(transaction.uncommittedEntries == 0)
    #expect(transaction.streamTime == 5)
    try transaction.put("b", 2, in: balances)
    transaction.advance(streamTime: 9)
    transaction.abort()
    #expect(transaction.uncommittedEntries == 0)
    #expect(transaction.streamTime == 5)
    #expect(try transaction.get("b", in: balances) == nil)
    #expect(try transaction.get("a", in: balances) == 1)
    try transaction.put("c", 3, in: balances)
    try transaction.commit()
    #expect(try committed() == ["a": 1, "c": 3])
  }

  @Test func aSecondTransactionIsLockedOut() throws {
    let transaction = try store.begin()
    let error = #expect(throws: StoreError.self) { try store.write { _ in } }
    #expect(error?.kind == .locked)
    #expect(transaction.uncommittedEntries == 0)
  }

  @Test func aTransactionThatGoesOutOfScopeIsDroppedAndAnotherCanBegin() throws {
    do {
      var transaction = try store.begin()
      try transaction.put("a", 1, in: balances)
    }
    let transaction = try store.begin()
    #expect(try transaction.get("a", in: balances) == nil)
  }

  @Test func aThrowInWriteDropsItsChanges() throws {
    #expect(throws: Refusal.self) {
      try store.write { transaction in
        try transaction.put("a", 1, in: balances)
        throw Refusal()
      }
    }
    #expect(try committed() == [:])
    #expect(try store.write { try $0.putIfAbsent("a", 2, in: balances) })
  }

  @Test func aClosedStoreRefusesEverything() throws {
    var transaction = try store.begin()
    try transaction.put("a", 1, in: balances)
    try store.close()
    try store.close()
    func expectClosed(_ body: () throws -> Void) {
      let error = #expect(throws: StoreError.self) { try body() }
      #expect(error?.kind == .closed)
    }
    expectClosed { _ = try store.snapshot() }
    expectClosed { try store.write { _ in } }
    expectClosed { try store.flush() }
    expectClosed { _ = try store.info() }
    expectClosed { try transaction.put("b", 1, in: balances) }
    expectClosed { try transaction.delete("b", in: balances) }
    expectClosed { _ = try transaction.deleteRange(.all, in: balances) }
    expectClosed { try transaction.savepoint { _ in } }
    expectClosed { try transaction.commit() }
    expectClosed { _ = try transaction.get("a", in: balances) }
    expectClosed { _ = try transaction.multiGet(["a"], in: balances) }
    expectClosed { _ = try transaction.withBytes("a", in: balances) { _ in } }
    expectClosed { _ = try transaction.scan(balances) }
  }

  @Test func aCursorOutlivesItsTransaction() throws {
    func leftOpen() throws -> Cursor<StringCodec, IntegerCodec<Int64>> {
      var transaction = try store.begin()
      try transaction.put("a", 1, in: balances)
      try transaction.put("b", 1, in: balances)
      var cursor = try transaction.scan(balances)
      #expect(try cursor.next()?.key == "a")
      return cursor
    }
    var cursor = try leftOpen()
    let error = #expect(throws: StoreError.self) { _ = try cursor.next() }
    #expect(error?.kind == .closed)
  }

  @Test func aCursorGoesOnOverCommitAndAbort() throws {
    var transaction = try store.begin()
    for key in ["a", "b", "c"] { try transaction.put(key, 1, in: balances) }
    var cursor = try transaction.scan(balances)
    #expect(try cursor.next()?.key == "a")
    try transaction.commit()
    try transaction.put("aa", 1, in: balances)
    #expect(try cursor.next()?.key == "aa")
    transaction.abort()
    #expect(try cursor.next()?.key == "b")
  }

  @Test func theBodyOfACursorMayWriteToItsTransaction() throws {
    var transaction = try store.begin()
    for key in ["a", "b", "c"] { try transaction.put(key, 1, in: balances) }
    var cursor = try transaction.scan(balances)
    var seen: [[UInt8]] = []
    func step() throws -> Int? {
      try cursor.withNext { key, value in
        try transaction.delete("b", in: balances)
        seen.append(key.copied)
        return value.byteCount
      }
    }
    while let byteCount = try step() { #expect(byteCount == 8) }
    #expect(seen == [Array("a".utf8), Array("c".utf8)])
  }

  // MARK: Bytes

  @Test func withBytesShowsTheEncodedValue() throws {
    var transaction = try store.begin()
    try transaction.put([1], [2, 3], in: bytes)
    try transaction.put([], [], in: bytes)
    #expect(try transaction.withBytes([1], in: bytes) { $0.copied } == [2, 3])
    #expect(try transaction.withBytes([], in: bytes) { $0.byteCount } == 0)
    #expect(try transaction.withBytes([9], in: bytes) { $0.copied } == nil)
    func refuse(_ bytes: RawSpan) throws -> Int { throw Refusal() }
    #expect(throws: Refusal.self) { _ = try transaction.withBytes([1], in: bytes, refuse) }
    try transaction.commit()
    #expect(try transaction.withBytes([1], in: bytes) { $0.copied } == [2, 3])
    #expect(try transaction.withBytes([], in: bytes) { $0.byteCount } == 0)
  }

  /// Seen to fail with: the encoded key held in place while the body runs, which stopped the program.
  @Test func theBodyOfWithBytesMayReadOtherKeys() throws {
    var transaction = try store.begin()
    try transaction.put([1], [2], in: bytes)
    try transaction.commit()
    try transaction.put([2], [3], in: bytes)
    // One key is committed and one is not; each is read inside the other.
    for (outer, inner) in [(1, 2), (2, 1)] as [(UInt8, UInt8)] {
      let read = try transaction.withBytes([outer], in: bytes) { span in
        (span.copied, try transaction.get([inner], in: bytes), span.copied)
      }
      #expect(read?.0 == [outer + 1])
      #expect(read?.1 == [inner + 1])
      #expect(read?.2 == [outer + 1])
    }
  }

  @Test func anUpdateToNilDeletesAndAThrownUpdateChangesNothing() throws {
    var transaction = try store.begin()
    try transaction.put("a", 1, in: balances)
    try transaction.update("a", in: balances) { $0 = nil }
    #expect(try transaction.get("a", in: balances) == nil)
    let entries = transaction.uncommittedEntries
    try transaction.update("missing", in: balances) { #expect($0 == nil) }
    #expect(throws: Refusal.self) {
      try transaction.update("a", in: balances) {
        $0 = 9
        throw Refusal()
      }
    }
    #expect(transaction.uncommittedEntries == entries)
    try transaction.commit()
    #expect(try committed() == [:])
  }

  @Test func emptyKeysAndValuesAreRowsAndSurvive() throws {
    try store.write { transaction in
      try transaction.put([], [], in: bytes)
      try transaction.put("", 7, in: balances)
    }
    let view = try store.snapshot()
    #expect(try view.get([], in: bytes) == [])
    #expect(try view.multiGet([[], [0]], in: bytes) == [[], nil])
    #expect(try view.get("", in: balances) == 7)
    #expect(try store.verify(in: directory("scratch")).agrees)
  }
}
