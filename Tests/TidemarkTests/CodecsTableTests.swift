import Foundation
import Testing
import Tidemark

private struct Customer: Codable, Sendable, Equatable { var name: String, tier: Tier, limit: Int? }
/// ``Customer`` in its former declaration.
private struct OldCustomer: Codable, Sendable { var name: String, tier: String }

private let schedule = Table("schedule", key: .tuple(.raw(Weekday.self), .optional(.string)), value: .raw(Tier.self))
private let members = Table("members", key: .uuid, value: .void)
private let events = Table("events", key: .date, value: .optional(.tuple(.bool, .int)))
private let temperatures = Table(
  "temperatures", key: .mapped(.double, encode: \.degrees, decode: Celsius.init(degrees:)),
  value: .optional(.compact(Customer.self)))
private let customers = Table("customers", key: .string, value: .json(Customer.self))
private let compact = Table("compact", key: .tuple(.string, .int), value: .compact(Customer.self))

/// Users' types as keys and values of tables, and the errors after their declaration has changed.
@Suite struct CodecsTableTests {
  let directory: TemporaryDirectory
  let store: StateStore

  init() throws {
    directory = try TemporaryDirectory()
    store = try StateStore.open(
      directory("store"), tables: [schedule, members, events, temperatures, customers, compact],
      changelog: try directory.log())
  }

  func rows<K, V>(_ table: Table<K, V>, _ range: ScanRange<K> = .all) throws -> [(K.Value, V.Value)] {
    var rows: [(K.Value, V.Value)] = []
    var cursor = try store.snapshot().scan(table, range)
    while let row = try cursor.next() { rows.append(row) }
    return rows
  }

  @Test func enumerationsAndOptionalsAreKeysAndValues() throws {
    try store.write { transaction in
      for day in Weekday.allCases.reversed() {
        for name in ["b", nil, "a"] { try transaction.put((day, name), .gold, in: schedule) }
      }
      try transaction.update((.monday, nil), in: schedule) { $0 = .bronze }
    }
    #expect(try store.snapshot().get((.monday, nil), in: schedule) == .bronze)
    let found = try rows(schedule).map { "\($0.0.0) \($0.0.1 ?? "nil") \($0.1)" }
    #expect(found.prefix(4) == ["monday nil bronze", "monday a gold", "monday b gold", "tuesday nil gold"])
    #expect(try rows(schedule, .prefix(.tuesday, as: .raw(Weekday.self))).count == 3)
    #expect(try rows(schedule, .from((.wednesday, "a"))).count == 2)
  }

  @Test func keysWithoutValuesDatesAndMappedTypesAreRows() throws {
    let ids = (0..<3).map { _ in UUID() }
    let now = Date()
    try store.write { transaction in
      for id in ids { try transaction.put(id, (), in: members) }
      try transaction.put(now, (true, 7), in: events)
      try transaction.put(now.addingTimeInterval(-1), nil, in: events)
      try transaction.put(Celsius(degrees: 20), Customer(name: "a", tier: .gold, limit: nil), in: temperatures)
      try transaction.put(Celsius(degrees: -5), nil, in: temperatures)
    }
    #expect(try store.snapshot().get(ids[1], in: members) != nil)
    #expect(try store.snapshot().get(UUID(), in: members) == nil)
    let found = try rows(events)
    #expect(found.map(\.0) == [now.addingTimeInterval(-1), now])
    #expect(found[0].1 == nil && found[1].1! == (true, 7))
    #expect(try rows(events, .from(now)).count == 1)
    #expect(try rows(temperatures).map(\.0.degrees) == [-5, 20])
    let customer = try store.snapshot().get(Celsius(degrees: 20), in: temperatures)
    #expect(customer == .some(Customer(name: "a", tier: .gold, limit: nil)))
    let absent = try store.snapshot().get(Celsius(degrees: -5), in: temperatures)
    #expect(absent == .some(nil), "a stored nil is a value")
  }

  @Test func aChangedTypeIsASchemaMismatchThatNamesTableKeyAndField() throws {
    let old = Table("customers", key: .string, value: .json(OldCustomer.self))
    let oldCompact = Table("compact", key: .tuple(.string, .int), value: .compact(OldCustomer.self))
    let long = String(repeating: "x", count: 5000)
    try store.write { transaction in
      try transaction.put(long, OldCustomer(name: "b", tier: "gold"), in: old)
      try transaction.put("anna", OldCustomer(name: "a", tier: "platinum"), in: old)
      try transaction.put(("anna", 7), OldCustomer(name: "a", tier: "platinum"), in: oldCompact)
    }
    #expect(try store.snapshot().get(long, in: customers) == Customer(name: "b", tier: .gold, limit: nil))
    let view = try store.snapshot()
    var transaction = try store.begin()
    let reads: [() throws -> Void] = [
      { _ = try view.get("anna", in: customers) },
      { _ = try view.multiGet([long, "anna"], in: customers) },
      { _ = try store.reader().get("anna", in: customers) },
      { _ = try rows(customers) },
    ]
    var errors = reads.map { read in storeError(.schemaMismatch) { try read() } }
    errors.append(storeError(.schemaMismatch) { _ = try transaction.get("anna", in: customers) })
    errors.append(storeError(.schemaMismatch) { _ = try transaction.multiGet(["anna"], in: customers) })
    errors.append(storeError(.schemaMismatch) { try transaction.update("anna", in: customers) { $0 = nil } })
    #expect(transaction.uncommittedEntries == 0)
    for error in errors {
      #expect(error?.metadata.prefix(4).map(\.value) == ["customers", "anna", "Customer", "tier"], "\(error as Any)")
    }
    let inCompact = storeError(.schemaMismatch) { _ = try view.get(("anna", 7), in: compact) }
    #expect(inCompact?.metadata.prefix(4).map(\.value) == ["compact", #"("anna", 7)"#, "Customer", "tier"])

    try transaction.put(long, OldCustomer(name: "b", tier: "lead"), in: old)
    let bounded = storeError(.schemaMismatch) { _ = try transaction.get(long, in: customers) }
    #expect(bounded?.metadata[1].value.count == 100)
  }

  @Test func damagedBytesStayCorruptedAndNameTableAndKey() throws {
    // The same format names, but other bytes.
    let codec = RawBytesCodec(name: "json")
    let damaged = Table("customers", key: .string, value: codec)
    let keyed = Table("schedule", key: RawBytesCodec(name: schedule.keyFormat), value: .raw(Tier.self))
    try store.write { transaction in
      try transaction.put("anna", Array("{\"name\":".utf8), in: damaged)
      try transaction.put([0xAB, 1], .gold, in: keyed)
      try transaction.put([2, 7], .gold, in: keyed)
    }
    let value = storeError(.corrupted) { _ = try store.snapshot().get("anna", in: customers) }
    #expect(value?.metadata.prefix(2).map(\.value) == ["customers", "anna"])
    let key = storeError(.corrupted) { _ = try rows(schedule) }
    #expect(key?.metadata.prefix(2).map(\.value) == ["schedule", "0x0207"])
    let unknown = storeError(.schemaMismatch) { _ = try rows(schedule, .from((.wednesday, nil))) }
    #expect(unknown?.metadata.prefix(4).map(\.value) == ["schedule", "0xab01", "Weekday", "171"])
  }
}

/// Bytes under any name.
private struct RawBytesCodec: KeyCodec {
  let name: String
  func encode(_ value: [UInt8], into bytes: inout ByteWriter) { bytes.append(value.rawSpan) }
  func decode(_ bytes: RawSpan) -> [UInt8] { bytes.copied }
}
