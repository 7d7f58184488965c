import Testing
import Tidemark
import TidemarkTesting

/// A suite with numbered commits: each puts its number, and a row too large to occur by chance.
protocol NumberedCommits {
  /// The row of a commit.
  func text(_ number: Int) -> String
}

extension NumberedCommits {
  static var input: TopicPartition { TopicPartition("input", 0) }

  /// A text that doesn't compress.
  func text(_ number: Int) -> String {
    var random = SeededGenerator(seed: UInt64(number))
    return String((0..<2000).map { _ in Character(Unicode.Scalar(UInt8.random(in: 35...120, using: &random))) })
  }

  func commit(_ number: Int, to store: StateStore) throws {
    try store.write([Self.input: Offset(Int64(number + 1))]) { transaction in
      try transaction.put("last", Int64(number), in: balances)
      try transaction.put(("row", Int64(number)), text(number), in: orders)
    }
  }

  /// Checks that the whole state is that of the first `rows` commits.
  func check(_ store: StateStore, rows: Int) throws {
    let view = try store.snapshot()
    #expect(view.position == [Self.input: Offset(Int64(rows))])
    #expect(try view.allBalances() == ["last": Int64(rows - 1)])
    var cursor = try view.scan(orders)
    for number in 0..<rows {
      let row = try #require(try cursor.next())
      #expect(row.key == ("row", Int64(number)) && row.value == text(number))
    }
    let more = try cursor.next()
    #expect(more == nil)
  }
}
