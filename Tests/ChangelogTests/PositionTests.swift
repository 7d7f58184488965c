import Testing

@testable import Changelog

/// How far each partition has been consumed.
@Suite struct PositionTests {
  private let a = TopicPartition("a", 0)
  private let b = TopicPartition("b", 0)
  private let c = TopicPartition("c", 0)

  /// Whatever partitions the next position names: all, some, others, or none.
  ///
  /// Seen to fail with: taking a position with the same number of partitions for one that names them all.
  @Test func aPositionAdvancesAndKeepsWhatTheNextOneDoesNotName() {
    let cases: [(from: Position, to: Position, expected: Position?)] = [
      ([:], [:], [:]),
      ([:], [a: 1], [a: 1]),
      ([a: 1], [:], [a: 1]),
      ([a: 1, b: 2], [a: 3], [a: 3, b: 2]),
      ([a: 1, b: 2], [a: 1, b: 3], [a: 1, b: 3]),
      ([a: 1, b: 2], [a: 2, c: 5], [a: 2, b: 2, c: 5]),
      ([a: 1, b: 2], [a: 2, b: 2, c: 5], [a: 2, b: 2, c: 5]),
      ([a: 2], [a: 1], nil),
      ([a: 2], [a: 1, b: 1], nil),
      ([a: 2, b: 1], [b: 0], nil),
      ([a: 2, b: 1], [b: 0, c: 7], nil),
    ]
    for (from, to, expected) in cases {
      var position = from
      let advanced = position.advance(to: to)
      #expect(advanced == (expected != nil), "\(from) to \(to)")
      if let expected { #expect(position == expected, "\(from) to \(to)") }
    }
  }
}
