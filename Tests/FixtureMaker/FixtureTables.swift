import Foundation
package import Tidemark

/// A value of the table `people`.
package struct Person: Codable, Sendable, Equatable {
  package var name: String
  package var age: Int
  package var tags: [String]
}

/// The tables of the fixtures: one for each kind of codec.
package enum FixtureTables {
  package static let names = Table("names", key: .string, value: .int64)
  package static let numbers = Table("numbers", key: .int64, value: .string)
  package static let people = Table("people", key: .uuid, value: .json(Person.self))
  package static let pairs = Table("pairs", key: .tuple(.string, .int64), value: .tuple(.int64, .string))
  package static let lists = Table("lists", key: .list(.string), value: .double)

  package static var all: [any TableDefinition] { [names, numbers, people, pairs, lists] }
  package static let changelog = TopicPartition("state", 0)

  /// All rows of a snapshot, as texts by table and key.
  package static func rows(of view: Snapshot) throws -> [String: [String: String]] {
    [
      names.name: try rows(names, view), numbers.name: try rows(numbers, view), people.name: try rows(people, view),
      pairs.name: try rows(pairs, view), lists.name: try rows(lists, view),
    ]
  }

  private static func rows<K, V>(_ table: Table<K, V>, _ view: Snapshot) throws -> [String: String] {
    var rows: [String: String] = [:]
    var cursor = try view.scan(table)
    while let row = try cursor.next() { rows["\(row.key)"] = "\(row.value)" }
    return rows
  }
}

/// Commits that follow from their number alone, and the resulting rows, kept beside the store.
package struct Workload {
  /// By table and key, as texts.
  package private(set) var rows: [String: [String: String]]
  package private(set) var commits: Int64 = 0

  package init() { rows = Dictionary(uniqueKeysWithValues: FixtureTables.all.map { ($0.name, [:]) }) }

  package var position: Position {
    [TopicPartition("events", 0): Offset(commits), TopicPartition("événements", 3): Offset(commits * 2)]
  }
  package var streamTime: Timestamp { 1_700_000_000_000 + commits * 1000 }

  /// Makes `count` commits of 5 to 8 changes each.
  package mutating func commit(_ count: Int, to store: StateStore) throws {
    for _ in 0..<count {
      var transaction = try store.begin()
      let number = commits
      commits += 1
      try change(number, &transaction)
      transaction.advance(streamTime: streamTime)
      try transaction.commit(position)
    }
  }

  private mutating func change(_ n: Int64, _ transaction: inout Transaction) throws {
    try put("clé-\(n % 37)", n, FixtureTables.names, &transaction)
    try put((n % 2 == 0 ? n : -n) << (n % 40), "text \(n)", FixtureTables.numbers, &transaction)
    let id = UUID(uuidString: "00000000-0000-4000-8000-0000000000\(10 + n % 23)") ?? UUID()
    let person = Person(name: "Zoë \(n)", age: Int(n % 90), tags: ["a/b", "\(n % 3)"])
    try put(id, person, FixtureTables.people, &transaction)
    try put(("a\0b\(n % 5)", -n % 11), (n * n, "value \(n)"), FixtureTables.pairs, &transaction)
    try put(["list", "", "\(n % 13)"], Double(n) / 8 - 1, FixtureTables.lists, &transaction)
    // Deletes keys of earlier commits, in memory and in table files.
    if n % 3 == 2 {
      try delete("clé-\((n + 20) % 37)", FixtureTables.names, &transaction)
      try delete(("a\0b\((n - 7) % 5)", -(n - 7) % 11), FixtureTables.pairs, &transaction)
    }
  }

  private mutating func put<K, V>(
    _ key: K.Value, _ value: V.Value, _ table: Table<K, V>, _ transaction: inout Transaction
  ) throws {
    try transaction.put(key, value, in: table)
    rows[table.name]?["\(key)"] = "\(value)"
  }

  private mutating func delete<K, V>(_ key: K.Value, _ table: Table<K, V>, _ transaction: inout Transaction) throws {
    try transaction.delete(key, in: table)
    rows[table.name]?["\(key)"] = nil
  }
}
