import Testing
import Tidemark

/// Tables: which may be declared, which are kept, and which a transaction refuses.
@Suite struct TransactionsTableTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  func open(_ tables: [any TableDefinition]) throws(StoreError) -> StateStore {
    try StateStore.open(directory("store"), tables: tables, changelog: try directory.log())
  }

  func expectInvalid(
    _ tables: [any TableDefinition], _ kind: StoreError.Kind = .invalidArgument
  ) -> StoreError? {
    let error = #expect(throws: StoreError.self) { _ = try open(tables) }
    #expect(error?.kind == kind)
    return error
  }

  @Test func anUndeclaredTableIsAnInvalidArgumentEverywhere() throws {
    let store = try open([balances])
    var transaction = try store.begin()
    let view = try store.snapshot()
    func expectRefused(_ body: () throws -> Void) {
      let error = #expect(throws: StoreError.self) { try body() }
      #expect(error?.kind == .invalidArgument)
      #expect(error?.metadata.first?.value == "orders")
    }
    let key: (String, Int64) = ("a", 1)
    expectRefused { try transaction.put(key, "x", in: orders) }
    expectRefused { try transaction.putIfAbsent(key, "x", in: orders) }
    expectRefused { try transaction.update(key, in: orders) { $0 = "x" } }
    expectRefused { try transaction.delete(key, in: orders) }
    expectRefused { try transaction.deleteRange(.all, in: orders) }
    expectRefused { _ = try transaction.get(key, in: orders) }
    expectRefused { _ = try transaction.multiGet([key], in: orders) }
    expectRefused { _ = try transaction.withBytes(key, in: orders) { $0.byteCount } }
    expectRefused { _ = try transaction.scan(orders) }
    expectRefused { _ = try view.get(key, in: orders) }
    expectRefused { _ = try view.multiGet([key], in: orders) }
    expectRefused { _ = try view.withBytes(key, in: orders) { $0.byteCount } }
    expectRefused { _ = try view.scan(orders) }
    #expect(transaction.uncommittedEntries == 0)
  }

  @Test func anotherCodecAtOpenIsRefusedAndNamesBoth() throws {
    try open([balances]).close()
    let keys = expectInvalid([Table("balances", key: .int64, value: .int64)], .schemaMismatch)
    #expect(keys?.metadata.map(\.value) == ["balances", "string -> int64", "int64 -> int64"])
    let values = expectInvalid([Table("balances", key: .string, value: .list(.string))], .schemaMismatch)
    #expect(values?.metadata.map(\.value) == ["balances", "string -> int64", "string -> list(string)"])
    // The refused open released both locks and changed nothing.
    let store = try open([balances])
    #expect(try store.info().tables.map(\.keyFormat) == ["string"])
    try store.close()
  }

  @Test func anotherCodecInUseIsRefusedAndNamesBoth() throws {
    let store = try open([balances])
    try store.write { try $0.put("a", 1, in: balances) }
    let other = Table("balances", key: .int64, value: .string)
    func expectRefused(_ body: () throws -> Void) {
      let error = #expect(throws: StoreError.self) { try body() }
      #expect(error?.kind == .schemaMismatch)
      #expect(error?.metadata.map(\.value) == ["balances", "string -> int64", "int64 -> string"])
    }
    var transaction = try store.begin()
    expectRefused { try transaction.put(1, "x", in: other) }
    expectRefused { try transaction.delete(1, in: other) }
    expectRefused { _ = try transaction.scan(other) }
    expectRefused { _ = try store.snapshot().get(1, in: other) }
    // An equal declaration is the same table.
    #expect(try transaction.get("a", in: Table("balances", key: .string, value: .int64)) == 1)
  }

  @Test func twoTablesOfOneNameAreRefused() {
    _ = expectInvalid([balances, Table("balances", key: .int64, value: .int64)])
  }

  @Test(arguments: [
    "", ".", "..", "a/b", "a b", "ä", "a\0", "a\n", "offsets:", "*", String(repeating: "x", count: 101),
  ])
  func anIllegalNameIsRefused(_ name: String) {
    _ = expectInvalid([Table(name, key: .string, value: .int64)])
  }

  @Test(arguments: ["a", "A-b_c.9", "offsets", "default", "table-1", "-", "...", String(repeating: "x", count: 100)])
  func aLegalNameIsTakenAndKeepsItsRows(_ name: String) throws {
    let table = Table(name, key: .string, value: .int64)
    do {
      let store = try open([table])
      try store.write { try $0.put("a", 1, in: table) }
      try store.close()
    }
    let store = try open([table])
    var cursor = try store.snapshot().scan(table)
    let row = try cursor.next()
    #expect(row?.key == "a" && row?.value == 1)
    #expect(try cursor.next() == nil)
  }

  @Test func laterTablesGetIdsOfTheirOwnAndOldRowsStay() throws {
    let first = Table("first", key: .string, value: .int64)
    let second = Table("second", key: .int64, value: .string)
    let third = Table("third", key: .string, value: .int64)
    do {
      let store = try open([first])
      try store.write { try $0.put("a", 1, in: first) }
      try store.close()
    }
    do {
      let store = try open([second, third, first])
      #expect(try store.info().tables.map(\.id) == [TableID(2), TableID(3), TableID(1)])
      try store.write { transaction in
        try transaction.put(5, "five", in: second)
        try transaction.put("b", 2, in: third)
      }
      // Gone without closing.
    }
    let store = try open([first, second, third])
    #expect(try store.info().tables.map(\.id) == [TableID(1), TableID(2), TableID(3)])
    let view = try store.snapshot()
    #expect(try view.get("a", in: first) == 1)
    #expect(try view.get("b", in: first) == nil)
    #expect(try view.get(5, in: second) == "five")
    #expect(try view.get("b", in: third) == 2)
    #expect(try store.verify(in: directory("scratch")).agrees)
  }

  @Test(arguments: [true, false]) func aTableThatIsNotDeclaredIsKeptAndRestored(_ closes: Bool) throws {
    do {
      let store = try open([balances, orders])
      try store.write { transaction in
        try transaction.put("a", 1, in: balances)
        try transaction.put(("a", 1), "tea", in: orders)
      }
      if closes { try store.close() }
    }
    do {
      let store = try open([balances])
      try store.write { try $0.put("b", 2, in: balances) }
      if closes { try store.close() }
    }
    let store = try open([orders])
    #expect(try store.snapshot().get(("a", 1), in: orders) == "tea")
    try store.close()
    let both = try open([balances, orders])
    #expect(try both.snapshot().multiGet(["a", "b"], in: balances) == [1, 2])
    #expect(try both.verify(in: directory("scratch")).agrees)
  }

  @Test func aStoreThatIsOpenIsLocked() throws {
    let store = try open([balances])
    let error = #expect(throws: StoreError.self) { _ = try open([balances]) }
    #expect(error?.kind == .locked)
    try store.close()
    try open([balances]).close()
  }

  @Test func aValueOfAnotherShapeIsASchemaMismatchAndTheNextRowsAreReadable() throws {
    struct Small: Codable, Sendable, Equatable { var count: Int }
    struct Other: Codable, Sendable { var name: String }
    let small = Table("json", key: .string, value: .json(Small.self))
    let other = Table("json", key: .string, value: .json(Other.self))
    let store = try open([small])
    try store.write { transaction in
      try transaction.put("a", Small(count: 1), in: small)
      try transaction.put("b", Other(name: "b"), in: other)
      try transaction.put("c", Small(count: 3), in: small)
    }
    func expectMismatch(_ body: () throws -> Void) {
      let error = #expect(throws: StoreError.self) { try body() }
      #expect(error?.kind == .schemaMismatch)
    }
    let view = try store.snapshot()
    expectMismatch { _ = try view.get("b", in: small) }
    expectMismatch { _ = try view.multiGet(["a", "b"], in: small) }
    var cursor = try view.scan(small)
    #expect(try cursor.next()?.key == "a")
    expectMismatch { _ = try cursor.next() }
    #expect(try cursor.next()?.key == "c")
    var transaction = try store.begin()
    expectMismatch { _ = try transaction.get("b", in: small) }
    expectMismatch { try transaction.update("b", in: small) { $0 = Small(count: 2) } }
    #expect(try transaction.putIfAbsent("b", Small(count: 2), in: small) == false)
    #expect(transaction.uncommittedEntries == 0)
  }
}
