import Testing
import Tidemark
import TidemarkTesting

private let a = HistoryKey("left", "a")

/// Anomalies of readers that see uncommitted changes.
extension IsolationCheckerTests {
  /// ```
  /// tick  writer                  reader
  ///  0    append 1, commit
  ///  2    append 2
  ///                               a: [1], [1, 2]
  ///  4    savepoint: append 3
  ///                               a: [1, 2, 3]
  ///       roll back, append 4
  ///  8    commit                  a: [1, 2], [1, 2, 4]
  /// 10    append 5, abort at 12   a: [1, 2, 4], [1, 2, 4, 5]
  /// ```
  private var dirty: IsolationHistory {
    IsolationHistory([
      Operation(.transaction, process: 0, begin: 0, end: 1, [.append(1, to: a)]),
      Operation(
        .transaction, process: 0, begin: 2, end: 8,
        [.append(2, to: a), .savepoint, .append(3, to: a), .rollBack, .append(4, to: a)]),
      Operation(.transaction, process: 0, begin: 10, end: 12, outcome: .aborted, [.append(5, to: a)]),
      Operation(.snapshot, process: 2, begin: 13, end: 14, [.read(a, [1, 2, 4])]),
    ])
  }

  private func with(_ reads: Operation...) -> IsolationHistory {
    IsolationHistory(dirty.operations + reads)
  }

  @Test func whatUncommittedReadersMaySeeIsClean() {
    expect(
      [],
      in: with(
        peek(a, [1], 2...3), peek(a, [1, 2], 4...4), peek(a, [1, 2, 3], 5...5), peek(a, [1, 2], 6...6),
        peek(a, [1, 2, 4], 7...7), peek(a, [1, 2, 4, 5], 11...11), peek(a, [1, 2, 4], 12...15)))
  }

  @Test func whatUncommittedReadersMustNotSeeIsFound() {
    // Without an acknowledged element; with one that was gone; with one that comes later.
    expect([.uncommittedRead], .realTime, in: with(peek(a, [], 3...3)))
    expect([.uncommittedRead], .realTime, in: with(peek(a, [1, 2], 9...9)))
    expect([.uncommittedRead], .realTime, in: with(peek(a, [1, 2, 4, 5], 15...16)))
    expect([.uncommittedRead], .realTime, in: with(peek(a, [1, 2, 4, 5], 5...6)))
    expect([.uncommittedRead], .realTime, in: with(peek(a, [1, 2], 0...1)))
    // Out of order, and back.
    expect([.uncommittedRead], in: with(peek(a, [1, 4, 2], 3...5)))
    expect([.uncommittedRead], .session, in: with(peek(a, [1, 2], 3...4), peek(a, [1], 5...6)))
  }

  /// A transaction with an unknown commit goes with its store, and may be back once the log is restored.
  ///
  /// Seen to fail with: a reader that must see such a transaction's changes again; one that never has to.
  @Test func whatIsUnknownMayGoUntilSomebodyReadItAsCommitted() {
    let operations = [
      Operation(.transaction, process: 0, begin: 0, end: 1, [.append(1, to: a)]),
      Operation(.transaction, process: 0, begin: 2, end: 0, outcome: .unknown, [.read(a, [1]), .append(2, to: a)]),
      Operation(.snapshot, process: 2, begin: 7, end: 8, [.read(a, [1, 2])]),
    ]
    let dropped = [peek(a, [], 1...1), peek(a, [1, 2], 3...4), peek(a, [1], 5...6)]
    expect([], in: IsolationHistory(operations + dropped + [peek(a, [1, 2], 9...10)]))
    expect([.uncommittedRead], .realTime, in: IsolationHistory(operations + dropped + [peek(a, [1], 9...10)]))
  }
}
