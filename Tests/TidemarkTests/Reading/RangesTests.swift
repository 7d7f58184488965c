import Testing
import Tidemark
import TidemarkTesting

/// Ranges of keys, and single rows found by them, as a filter over all rows would find them.
@Suite struct RangesTests {
  let directory: TemporaryDirectory
  let store: StateStore
  private static let numbers = Table("numbers", key: .int64, value: .int64)
  private static let keys: [Int64] = [-9, -1, 0, 1, 2, 5, 6, 7, 40]

  init() throws {
    directory = try TemporaryDirectory(inMemory: true)
    store = try StateStore.open(directory("store"), tables: [Self.numbers, balances, orders])
    // Every kind of layer holds some rows: table files, runs, and in the tests below a transaction.
    for (index, key) in Self.keys.enumerated() {
      try store.write { try $0.put(key, -key, in: Self.numbers) }
      if index == 3 { try store.flush() }
    }
  }

  private func keys(_ rows: consuming Cursor<IntegerCodec<Int64>, IntegerCodec<Int64>>) throws -> [Int64] {
    var keys: [Int64] = []
    try rows.forEach { key, value in
      #expect(value == -key)
      keys.append(key)
    }
    return keys
  }

  /// Checks the rows that each way of reading finds in a range, in both orders.
  private func check(_ range: ScanRange<IntegerCodec<Int64>>, _ contains: (Int64) -> Bool) throws {
    let expected = Self.keys.filter(contains)
    let table = Self.numbers
    let view = try store.snapshot()
    #expect(try keys(view.scan(table, range)) == expected)
    #expect(try keys(view.scan(table, range, .descending)) == expected.reversed())
    #expect(try view.first(in: table, range)?.key == expected.first)
    #expect(try view.last(in: table, range)?.key == expected.last)
    for level in [IsolationLevel.readCommitted, .readUncommitted] {
      let reader = try store.reader(level)
      #expect(try keys(reader.scan(table, range)) == expected)
      #expect(try keys(reader.scan(table, range, .descending)) == expected.reversed())
      #expect(try reader.first(in: table, range)?.key == expected.first)
      #expect(try reader.last(in: table, range)?.key == expected.last)
    }
    var transaction = try store.begin()
    #expect(try keys(transaction.scan(table, range)) == expected)
    let found1 = try transaction.first(in: table, range)
    #expect(found1?.key == expected.first)
    for key in expected { try transaction.put(key, -key, in: table) }
    #expect(try keys(transaction.scan(table, range, .descending)) == expected.reversed())
    let found2 = try transaction.last(in: table, range)
    #expect(found2?.key == expected.last)
    #expect(try keys(store.reader(.readUncommitted).scan(table, range)) == expected)
    let count3 = try transaction.deleteRange(range, in: table)
    #expect(count3 == expected.count)
    #expect(try keys(transaction.scan(table)) == Self.keys.filter { !contains($0) })
  }

  @Test func aRangeHasTheRowsOfAFilter() throws {
    for a in stride(from: Int64(-10), through: 41, by: 3) {
      try check(.from(a)) { $0 >= a }
      try check(.after(a)) { $0 > a }
      try check(.upTo(a)) { $0 < a }
      try check(.through(a)) { $0 <= a }
      for b in [a - 4, a - 1, a, a + 1, a + 5] {
        try check(.between(a, b)) { $0 >= a && $0 < b }
        try check(.between(a, through: b)) { $0 >= a && $0 <= b }
      }
    }
  }

  @Test func swiftRangesAreRanges() throws {
    let view = try store.snapshot()
    let table = Self.numbers
    #expect(try keys(view.scan(table, 1..<6)) == [1, 2, 5])
    #expect(try keys(view.scan(table, 1...6)) == [1, 2, 5, 6])
    #expect(try keys(view.scan(table, 6...)) == [6, 7, 40])
    #expect(try keys(view.scan(table, ..<0)) == [-9, -1])
    #expect(try keys(view.scan(table, ...0, .descending)) == [0, -1, -9])
    #expect(try keys(view.scan(table, 3..<3)) == [])
    #expect(try keys(view.scan(table, .range(1...2))) == [1, 2])
    #expect(try keys(store.reader().scan(table, 1..<6)) == [1, 2, 5])
    try store.write { transaction in
      #expect(try keys(transaction.scan(table, 1..<6)) == [1, 2, 5])
      let count4 = try transaction.deleteRange(2...6, in: table)
      #expect(count4 == 3)
    }
    #expect(try keys(store.snapshot().scan(table)) == [-9, -1, 0, 1, 7, 40])
  }

  @Test func aRangeThatSwiftOrdersOtherwiseIsEmpty() throws {
    // Swift compares "e\u{301}" as "é", which comes after "z"; its UTF-8 bytes come before "f".
    try store.write { try $0.put("z", 1, in: balances) }
    let range = "f"..<"e\u{301}"
    #expect(range.contains("z"))
    #expect(try store.snapshot().first(in: balances, .range(range)) == nil)
    #expect(try store.snapshot().last(in: balances, .range(range)) == nil)
  }

  @Test func theNearestKeyIsFoundWithoutAScan() throws {
    let view = try store.snapshot()
    #expect(try view.first(in: Self.numbers)?.key == -9)
    #expect(try view.last(in: Self.numbers)?.key == 40)
    #expect(try view.first(in: balances) == nil)
    #expect(try view.last(in: balances) == nil)
    #expect(try view.first(in: Self.numbers, from: 3)?.key == 5)
    #expect(try view.first(in: Self.numbers, from: 5)?.key == 5)
    #expect(try view.first(in: Self.numbers, from: 41) == nil)
    #expect(try view.last(in: Self.numbers, through: 4)?.key == 2)
    #expect(try view.last(in: Self.numbers, through: 2)?.key == 2)
    #expect(try view.last(in: Self.numbers, through: -10) == nil)
    try store.write { transaction in
      for time in 1...3 { try transaction.put(("anna", Int64(time)), "tea \(time)", in: orders) }
      try transaction.put(("bert", 9), "milk", in: orders)
      let found5 = try transaction.last(in: orders, .prefix("anna", as: .string))
      #expect(found5?.value == "tea 3")
      let found6 = try transaction.first(in: orders, from: ("anna", 2))
      #expect(found6?.value == "tea 2")
    }
    #expect(try store.reader().last(in: orders, through: ("anna", 9))?.value == "tea 3")
  }

  @Test func containsTellsWhetherThereIsAValue() throws {
    #expect(try store.snapshot().contains(5, in: Self.numbers))
    #expect(try !store.snapshot().contains(4, in: Self.numbers))
    try store.write { transaction in
      let found7 = try transaction.contains(5, in: Self.numbers)
      #expect(found7)
      try transaction.delete(5, in: Self.numbers)
      let found8 = try transaction.contains(5, in: Self.numbers)
      #expect(!found8)
      #expect(try store.reader().contains(5, in: Self.numbers))
      #expect(try !store.reader(.readUncommitted).contains(5, in: Self.numbers))
    }
  }

  @Test func updateWithADefaultWorksAsOnADictionary() throws {
    try store.write { transaction in
      try transaction.update("anna", in: balances, default: 10) { $0 += 1 }
      try transaction.update("anna", in: balances, default: 10) { $0 += 1 }
      try transaction.update("bert", in: balances, default: 5) { _ in }
      #expect(try transaction.get("anna", in: balances) == 12)
      #expect(try transaction.get("bert", in: balances) == 5)
    }
  }

  @Test func forEachStopsWhereItIsTold() throws {
    let rows = try store.snapshot().scan(Self.numbers)
    var found: [Int64] = []
    try rows.forEach { key, _, stop in
      found.append(key)
      stop = key == 1
    }
    #expect(found == [-9, -1, 0, 1])
    let next = rows.continuation
    try rows.forEach { key, _ in found.append(key) }
    #expect(found == Self.keys)
    #expect(try keys(store.snapshot().scan(Self.numbers, after: next)) == [2, 5, 6, 7, 40])
  }

  @Test func removeAllEmptiesATable() throws {
    try store.write { transaction in
      try transaction.put("anna", 1, in: balances)
      let count9 = try transaction.removeAll(in: Self.numbers)
      #expect(count9 == Self.keys.count)
      let count10 = try transaction.removeAll(in: Self.numbers)
      #expect(count10 == 0)
    }
    let view = try store.snapshot()
    #expect(try view.first(in: Self.numbers) == nil)
    #expect(try view.get("anna", in: balances) == 1)
  }
}
