internal import Changelog
internal import Tidemark
internal import TidemarkTesting

/// The lists of a recorded history: rows of three tables whose values are lists.
///
/// Only a few keys are appended to at a time, and these change over time: many transactions meet at each key, but no
/// list grows long.
struct IsolationLists {
  typealias Lists = Table<IntegerCodec<Int64>, ListCodec<IntegerCodec<Int64>>>

  static let tables = (0..<3).map { Lists("lists\($0)", key: .int64, value: .list(.int64)) }
  static let input = TopicPartition("input", 0)
  /// How many keys of a table are appended to.
  static let width = 6

  /// The names of the first keys, made once.
  private static let names = tables.map { table in
    (0..<1000).map { HistoryKey(table.name, "\($0)") }
  }

  static func name(_ table: Int, _ key: Int) -> HistoryKey {
    key < names[table].count ? names[table][key] : HistoryKey(tables[table].name, "\(key)")
  }

  /// The first key that is appended to after this number of transactions.
  static func firstKey(behind transactions: Int) -> Int { transactions / 25 }

  /// The read of a key.
  static func read(_ table: Int, _ key: Int, _ value: [Int64]?) -> HistoryOperation.Action {
    .read(name(table, key), (value ?? []).map { Int($0) })
  }

  /// The reads that a scan over a range of keys amounts to, also for keys without a row.
  static func reads(
    _ table: Int, _ keys: Range<Int>,
    _ scan: (Lists, ScanRange<IntegerCodec<Int64>>) throws -> Cursor<
      IntegerCodec<Int64>, ListCodec<IntegerCodec<Int64>>
    >
  ) throws -> [HistoryOperation.Action] {
    var values: [[Int64]?] = Array(repeating: nil, count: keys.count)
    var cursor = try scan(tables[table], .between(Int64(keys.lowerBound), Int64(keys.upperBound)))
    while let (key, value) = try cursor.next() {
      guard keys.contains(Int(key)) else { throw Violation("a scan of \(keys) brought \(key)") }
      values[Int(key) - keys.lowerBound] = value
    }
    return zip(keys, values).map { read(table, $0, $1) }
  }
}

extension HistoryOperation.Stamp {
  /// The stamp of a snapshot's commit.
  init(_ snapshot: Snapshot) {
    self.init(snapshot.offset, snapshot.position, streamTime: snapshot.streamTime)
  }
}
