import Testing
import Tidemark

private let windows = Table("windows", key: .tuple(.bytes, .int64), value: .string)
private let paths = Table("paths", key: .tuple(.list(.string), .string), value: .string)
private let visits = Table("visits", key: .tuple(.string, .string, .int32), value: .string)
private let reversed = Table("reversed", key: .tuple(ReversedTextCodec(), .uint8), value: .string)

/// Prefix scans over tuple keys see the rows of their prefix and no others.
@Suite struct CodecsPrefixTests {
  let directory: TemporaryDirectory
  let store: StateStore

  init() throws {
    directory = try TemporaryDirectory()
    store = try StateStore.open(
      directory("store"), tables: [windows, paths, visits, reversed], changelog: try directory.log())
  }

  /// The values of a scan, which are the same in both directions.
  func values<K>(_ table: Table<K, StringCodec>, _ range: ScanRange<K>) throws -> [String] {
    var found: [[String]] = []
    for order in [ScanOrder.ascending, .descending] {
      var cursor = try store.snapshot().scan(table, range, order)
      var values: [String] = []
      while let row = try cursor.next() { values.append(row.value) }
      found.append(order == .ascending ? values : values.reversed())
    }
    #expect(found[0] == found[1])
    return found[0]
  }

  @Test func keysOfZeroBytesNeverSeeEachOthersRows() throws {
    let keys: [[UInt8]] = [[], [0], [0, 0], [0, 0, 0], [0, 1], [0, 0xFF], [0xFF], [0xFF, 0xFF]]
    let times: [Int64] = [.min, -1, 0, 1, 255, 256, .max]
    try store.write { transaction in
      for key in keys {
        for time in times { try transaction.put((key, time), "\(key)@\(time)", in: windows) }
      }
      for key in keys {
        var cursor = try transaction.scan(windows, .prefix(key, as: .bytes))
        var count = 0
        while let row = try cursor.next() {
          #expect(row.key.0 == key)
          count += 1
        }
        #expect(count == times.count)
      }
    }
    for key in keys {
      #expect(try values(windows, .prefix(key, as: .bytes)) == times.map { "\(key)@\($0)" })
      let some = try values(windows, .between((key, -1), (key, 255)))
      #expect(some == ["\(key)@-1", "\(key)@0", "\(key)@1"])
    }
  }

  @Test func aListIsNoPrefixOfALongerOne() throws {
    let lists = [[], ["a"], ["a", "b"], ["a", "b", ""], ["", "a"], ["\0"]]
    try store.write { transaction in
      for list in lists {
        for leaf in ["", "x"] { try transaction.put((list, leaf), "\(list)/\(leaf)", in: paths) }
      }
    }
    for list in lists { #expect(try values(paths, .prefix(list, as: .list(.string))) == ["\(list)/", "\(list)/x"]) }
  }

  @Test func severalPartsAreAPrefixAsATuple() throws {
    try store.write { transaction in
      for city in ["", "Berlin", "Berlin\0", "Berlina"] {
        for street in ["", "A", "AB"] {
          for number: Int32 in [-1, 1] {
            try transaction.put((city, street, number), "\(city).\(street).\(number)", in: visits)
          }
        }
      }
    }
    #expect(try values(visits, .prefix("Berlin", as: .string)).count == 6)
    let street = try values(visits, .prefix("Berlin", "A", as: .string, .string))
    #expect(street == ["Berlin.A.-1", "Berlin.A.1"])
    #expect(try values(visits, .prefix("", as: .string)).count == 6)
  }

  @Test func aUsersCodecTakesPartInTuples() throws {
    let texts = ["", "a", "ba", "\0a", "a\0"]
    try store.write { transaction in
      for text in texts { for n: UInt8 in [0, 0xFF] { try transaction.put((text, n), "\(text)\(n)", in: reversed) } }
    }
    for text in texts {
      #expect(try values(reversed, .prefix(text, as: ReversedTextCodec())) == ["\(text)0", "\(text)255"])
    }
  }
}
