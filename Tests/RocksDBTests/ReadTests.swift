import RocksDB
import Testing

@Suite struct ReadTests {
  let directory = TemporaryDirectory()

  @Test func `a value can be read until it is deleted`() throws {
    let database = try Database.open(directory.child("db"), options: .init(), columnFamilies: [])
    let family = try database.family("default")
    #expect(try database.get("a", in: family) == nil)
    try database.put("a", "1", in: family)
    #expect(try database.get("a", in: family) == "1")
    try database.put("a", "", in: family)
    #expect(try database.get("a", in: family) == "")
    try database.delete("a", in: family)
    #expect(try database.get("a", in: family) == nil)
  }

  @Test func `an empty key is a key`() throws {
    let database = try Database.open(directory.child("db"), options: .init(), columnFamilies: [])
    let family = try database.family("default")
    let empty = ""
    #expect(try database.withValue(empty.bytes, in: family, text) == nil)
    try database.put(empty, empty, in: family)
    #expect(try database.withValue(empty.bytes, in: family, { $0.byteCount }) == 0)
    var iterator = database.makeIterator(in: family)
    iterator.seek(to: empty.bytes)
    #expect(iterator.row == "=")
  }

  @Test func `a read inside a read leaves the first value alone`() throws {
    let database = try Database.open(directory.child("db"), options: .init(), columnFamilies: [])
    let family = try database.family("default")
    let long = String(repeating: "x", count: 100_000)
    try database.put("a", "first value, too long for a small string", in: family)
    try database.put("b", long, in: family)
    for _ in 0..<3 {
      let both = try database.withValue("a".bytes, in: family) { first in
        let second = try? database.get("b", in: family)
        return [text(first), second ?? ""]
      }
      #expect(both == ["first value, too long for a small string", long])
    }
  }

  @Test func `an iterator walks in both directions and seeks`() throws {
    let database = try Database.open(directory.child("db"), options: .init(), columnFamilies: [])
    let family = try database.family("default")
    for key in ["b", "d", "a", "c"] { try database.put(key, key + key, in: family) }
    try database.put("e", "ee", in: family)
    try database.delete("c", in: family)
    #expect(try database.makeIterator(in: family).forwards() == ["a=aa", "b=bb", "d=dd", "e=ee"])
    #expect(try database.makeIterator(in: family, fillCache: false).backwards() == ["e=ee", "d=dd", "b=bb", "a=aa"])
    var iterator = database.makeIterator(in: family)
    #expect(iterator.row == nil)
    iterator.seek(to: "c".bytes)
    #expect(iterator.row == "d=dd")
    iterator.previous()
    #expect(iterator.row == "b=bb")
    iterator.next()
    #expect(iterator.row == "d=dd")
    iterator.seekForPrev(to: "c".bytes)
    #expect(iterator.row == "b=bb")
    iterator.seek(to: "f".bytes)
    #expect(iterator.row == nil)
    iterator.seekForPrev(to: "A".bytes)
    #expect(iterator.row == nil)
    try iterator.checkStatus()
  }

  @Test func `a snapshot shows what was there when it was taken, also after compactions`() throws {
    let compactions = Locked(0)
    var options = DatabaseOptions()
    options.columnFamilyOverrides = ["level0_file_num_compaction_trigger": "2"]
    options.onCompactionCompleted = { compactions.change { $0 += 1 } }
    let database = try Database.open(directory.child("db"), options: options, columnFamilies: [])
    let family = try database.family("default")
    try database.put("a", "1", in: family)
    let snapshot = database.makeSnapshot()
    // Both overlap the first file, so they go to level 0.
    for _ in 0..<2 { try database.install(["a": "2", "b": "2"], in: family) }
    #expect(try database.get("a", in: family, at: snapshot) == "1")
    #expect(try database.get("b", in: family, at: snapshot) == nil)
    #expect(try database.get("a", in: family) == "2")
    #expect(try database.makeIterator(in: family, at: snapshot).forwards() == ["a=1"])
    #expect(eventually { compactions.value > 0 })
    #expect(try database.get("a", in: family, at: snapshot) == "1")
  }

  @Test func `many keys are read together in their order`() throws {
    let database = try Database.open(directory.child("db"), options: .init(), columnFamilies: [])
    let family = try database.family("default")
    func rows(_ prefix: String, count: Int) -> [String: String?] {
      Dictionary(uniqueKeysWithValues: (0..<count).map { ("key\($0)", prefix + "\($0)") })
    }
    try database.install(rows("value", count: 100), in: family)
    let snapshot = database.makeSnapshot()
    try database.install(rows("other", count: 50), in: family)
    try database.put("empty", "", in: family)
    var keys = KeyList()
    for number in stride(from: 198, through: 0, by: -2) { keys.append("key\(number)".bytes) }
    keys.append("empty".bytes)
    keys.append("key0".bytes)
    var current: [String?] = [], former: [String?] = [], indexes: [Int] = []
    try database.withValues(keys, in: family) { index, value in
      indexes.append(index)
      current.append(optionalText(value))
    }
    try database.withValues(keys, in: family, at: snapshot) { _, value in former.append(optionalText(value)) }
    let numbers = Array(stride(from: 198, through: 0, by: -2))
    #expect(indexes == Array(0..<102))
    #expect(
      current == numbers.map { $0 >= 100 ? nil : $0 < 50 ? "other\($0)" : "value\($0)" } + ["", "other0"])
    #expect(former == numbers.map { $0 >= 100 ? nil : "value\($0)" } + [nil, "value0"])
    keys.removeAll()
    try database.withValues(keys, in: family) { _, _ in Issue.record("there is no key") }
  }

  @Test func `handles of another database are refused`() throws {
    let first = try Database.open(directory.child("1"), options: .init(), columnFamilies: [])
    let second = try Database.open(directory.child("2"), options: .init(), columnFamilies: [])
    let family = try first.family("default")
    let other = try second.family("default")
    let snapshot = second.makeSnapshot()
    #expect(failure { _ = try first.get("a", in: other) }?.code == .invalidArgument)
    #expect(failure { _ = try first.get("a", in: family, at: snapshot) }?.code == .invalidArgument)
    #expect(failure { try first.dropColumnFamily(other) }?.code == .invalidArgument)
    #expect(failure { try first.put("a", "1", in: other) }?.code == .invalidArgument)
    try first.put("a", "1", in: family)
    #expect(try first.get("a", in: family) == "1")
  }
}
