import Foundation
import Testing
import Tidemark

/// Scans of a transaction over committed and uncommitted rows: the places where RocksDB's merged iterators go wrong.
@Suite struct TransactionsScanTests {
  let directory: TemporaryDirectory
  let store: StateStore

  /// A store whose rows `b d f h` are in table files, and `c e` in a memtable.
  init() throws {
    directory = try TemporaryDirectory()
    store = try StateStore.open(directory("store"), tables: [balances], changelog: try directory.log())
    try store.write { for key in ["b", "d", "f", "h"] { try $0.put(key, 1, in: balances) } }
    try store.flush()
    try store.write { for key in ["c", "e"] { try $0.put(key, 1, in: balances) } }
  }

  func keys(
    _ transaction: borrowing Transaction, _ range: ScanRange<StringCodec> = .all, _ order: ScanOrder = .ascending
  ) throws -> String {
    var cursor = try transaction.scan(balances, range, order)
    var keys = ""
    while let row = try cursor.next() { keys += row.key }
    return keys
  }

  /// With iterate bounds, RocksDB's merged iterator shows keys that the batch deletes (facebook/rocksdb issue 11606).
  @Test func deletedKeysDontSurfaceInBoundedScans() throws {
    var transaction = try store.begin()
    for key in ["b", "c", "d", "h"] { try transaction.delete(key, in: balances) }
    for order in [ScanOrder.ascending, .descending] {
      #expect(try keys(transaction, .between("a", "e"), order) == "")
      #expect(try keys(transaction, .between("b", "d"), order) == "")
      #expect(try keys(transaction, .upTo("e"), order) == "")
      #expect(try keys(transaction, .from("g"), order) == "")
      #expect(try keys(transaction, .prefix("d"), order) == "")
      #expect(try keys(transaction, .between("b", "f"), order) == "e")
    }
  }

  @Test func deletesBeyondTheBoundsDontHideWhatIsInside() throws {
    var transaction = try store.begin()
    for key in ["a", "b", "f", "z"] { try transaction.delete(key, in: balances) }
    #expect(try keys(transaction, .between("c", "f")) == "cde")
    #expect(try keys(transaction, .between("c", "f"), .descending) == "edc")
    #expect(try keys(transaction, .from("e"), .descending) == "he")
  }

  @Test func aPutOverADeleteAndADeleteOverAPutShowTheLast() throws {
    var transaction = try store.begin()
    try transaction.delete("d", in: balances)
    try transaction.put("d", 2, in: balances)
    try transaction.put("g", 2, in: balances)
    try transaction.delete("g", in: balances)
    try transaction.delete("a", in: balances)
    try transaction.put("a", 2, in: balances)
    try transaction.delete("a", in: balances)
    try transaction.put("e", 2, in: balances)
    #expect(try keys(transaction) == "bcdefh")
    #expect(try keys(transaction, .all, .descending) == "hfedcb")
    #expect(try transaction.multiGet(["a", "d", "e", "g"], in: balances) == [nil, 2, 2, nil])
    try transaction.commit()
    #expect(try store.snapshot().multiGet(["a", "d", "e", "g"], in: balances) == [nil, 2, 2, nil])
  }

  @Test func aDeleteOverRowsInTableFilesAndInMemtablesHidesThem() throws {
    var transaction = try store.begin()
    try transaction.delete("d", in: balances)
    try transaction.delete("e", in: balances)
    #expect(try keys(transaction) == "bcfh")
    #expect(try keys(transaction, .all, .descending) == "hfcb")
    try transaction.commit()
    #expect(try keys(transaction) == "bcfh")
    try store.flush()
    #expect(try keys(transaction, .between("d", "g")) == "f")
  }

  @Test func anUpperBoundThatIsAKeyIsNotVisited() throws {
    var transaction = try store.begin()
    try transaction.put("g", 2, in: balances)
    for upper in ["d", "e", "g", "h"] {
      let forward = try keys(transaction, .upTo(upper))
      #expect(!forward.contains(upper))
      #expect(try keys(transaction, .upTo(upper), .descending) == String(forward.reversed()))
    }
    try transaction.delete("d", in: balances)
    #expect(try keys(transaction, .upTo("d"), .descending) == "cb")
    #expect(try keys(transaction, .between("d", "e"), .descending) == "")
    #expect(try keys(transaction, .between("e", "e"), .descending) == "")
    #expect(try keys(transaction, .between("h", "b")) == "")
    #expect(try keys(transaction, .between("h", "b"), .descending) == "")
  }

  @Test func allRowsDeletedIsAnEmptyScan() throws {
    var transaction = try store.begin()
    #expect(try transaction.deleteRange(.all, in: balances) == 6)
    #expect(try transaction.deleteRange(.all, in: balances) == 0)
    #expect(try keys(transaction) == "")
    #expect(try keys(transaction, .all, .descending) == "")
    try transaction.put("x", 1, in: balances)
    #expect(try keys(transaction, .all, .descending) == "x")
  }

  @Test func aDeleteRangeSeesTheTransactionAndLogsEachKey() throws {
    var transaction = try store.begin()
    try transaction.put("dd", 2, in: balances)
    try transaction.delete("c", in: balances)
    let offset = try store.snapshot().offset
    #expect(try transaction.deleteRange(.between("c", "f"), in: balances) == 3)
    try transaction.commit()
    // The commit's own record, and the deletions of c, d, dd and e.
    #expect(try store.snapshot().offset == offset.advanced(by: 5))
    #expect(try keys(transaction) == "bfh")
    #expect(try store.verify(in: directory("scratch")).agrees)
  }

  @Test func aDeleteRangeOfThousandsOfRowsLeavesNone() throws {
    try store.write { for n in 0..<2500 { try $0.put("k\(n)", 1, in: balances) } }
    var transaction = try store.begin()
    #expect(try transaction.deleteRange(.prefix("k"), in: balances) == 2500)
    #expect(try keys(transaction) == "bcdefh")
  }

  @Test func aScanSeesWhatIsWrittenAheadOfItAndNotBehind() throws {
    var transaction = try store.begin()
    var cursor = try transaction.scan(balances, .upTo("h"))
    #expect(try cursor.next()?.key == "b")
    try transaction.put("a", 2, in: balances)
    try transaction.put("bb", 2, in: balances)
    try transaction.delete("c", in: balances)
    try transaction.put("d", 2, in: balances)
    try transaction.put("i", 2, in: balances)
    #expect(try cursor.next()?.key == "bb")
    let row = try cursor.next()
    #expect(row?.key == "d" && row?.value == 2)
    try transaction.deleteRange(.all, in: balances)
    #expect(try cursor.next() == nil)
    try transaction.put("g", 2, in: balances)
    #expect(try cursor.next() == nil)
  }

  @Test func aRolledBackSavepointIsGoneFromAnOpenScan() throws {
    struct Refusal: Error {}
    var transaction = try store.begin()
    var cursor = try transaction.scan(balances)
    #expect(try cursor.next()?.key == "b")
    #expect(throws: Refusal.self) {
      try transaction.savepoint { inner in
        try inner.put("bb", 2, in: balances)
        try inner.delete("c", in: balances)
        #expect(try cursor.next()?.key == "bb")
        throw Refusal()
      }
    }
    #expect(try cursor.next()?.key == "c")
  }

  @Test func aContinuationGoesOnInBothDirectionsAndAsJSON() throws {
    var transaction = try store.begin()
    try transaction.put("g", 2, in: balances)
    for order in [ScanOrder.ascending, .descending] {
      let all = try keys(transaction, .between("c", "h"), order)
      var found = ""
      var continuation: ScanContinuation?
      while true {
        var cursor = try transaction.scan(balances, .between("c", "h"), order, after: continuation)
        #expect(cursor.continuation == continuation)
        guard let row = try cursor.next() else { break }
        found += row.key
        let json = try JSONEncoder().encode(cursor.continuation)
        continuation = try JSONDecoder().decode(ScanContinuation.self, from: json)
      }
      #expect(found == all)
      #expect(found.count == 5)
    }
  }

  @Test func aContinuationWhoseRowIsGoneGoesOnBehindIt() throws {
    var transaction = try store.begin()
    var cursor = try transaction.scan(balances)
    _ = try cursor.next()
    _ = try cursor.next()
    let continuation = cursor.continuation
    try transaction.delete("c", in: balances)
    var next = try transaction.scan(balances, after: continuation)
    #expect(try next.next()?.key == "d")
    var previous = try transaction.scan(balances, .all, .descending, after: continuation)
    #expect(try previous.next()?.key == "b")
  }
}
