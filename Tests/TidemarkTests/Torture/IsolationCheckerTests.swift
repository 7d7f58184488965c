import Testing
import Tidemark
import TidemarkTesting

private let a = HistoryKey("left", "a")
private let b = HistoryKey("left", "b")
private let c = HistoryKey("right", "c")

/// Anomalies planted in histories; each is found, and named.
///
/// Columns are processes, time goes down.
@Suite struct IsolationCheckerTests {
  typealias Operation = HistoryOperation

  /// Numbers the ticks: each operation begins when the previous one has ended.
  private func inTurn(_ operations: Operation...) -> IsolationHistory {
    IsolationHistory(
      operations.enumerated().map { number, operation in
        var operation = operation
        (operation.begin, operation.end) = (2 * number, 2 * number + 1)
        return operation
      })
  }

  /// All at the same time, each by a process of its own: only the reads show an order.
  private func atOnce(_ operations: Operation...) -> IsolationHistory {
    IsolationHistory(
      operations.enumerated().map { number, operation in
        var operation = operation
        (operation.begin, operation.end, operation.process) = (0, 1, number)
        return operation
      })
  }

  private func write(
    _ actions: Operation.Action..., outcome: Operation.Outcome = .committed, offset: Int64? = nil
  ) -> Operation {
    Operation(
      .transaction, process: 0, begin: 0, end: 0, outcome: outcome, stamp: offset.map { .init(Offset($0)) }, actions)
  }

  private func view(
    _ lists: KeyValuePairs<HistoryKey, [Int]>, process: Int = 1, _ stamp: Operation.Stamp? = nil
  ) -> Operation {
    Operation(
      .snapshot, process: process, begin: 0, end: 0, stamp: stamp, lists.map { .read($0.key, $0.value) })
  }

  func peek(_ key: HistoryKey, _ elements: [Int], _ ticks: ClosedRange<Int>, process: Int = 1) -> Operation {
    Operation(
      .uncommittedRead, process: process, begin: ticks.lowerBound, end: ticks.upperBound, [.read(key, elements)])
  }

  /// Checks that these anomalies are found, and no others.
  @discardableResult
  func expect(
    _ kinds: [IsolationAnomaly.Kind], _ basis: IsolationAnomaly.Basis = .lists, in history: IsolationHistory,
    sourceLocation: SourceLocation = #_sourceLocation
  ) -> IsolationReport {
    let report = history.check()
    #expect(
      Set(report.anomalyCounts.keys) == Set(kinds) && report.anomalies.allSatisfy { $0.basis == basis },
      "\(report)", sourceLocation: sourceLocation)
    return report
  }

  // MARK: Clean histories

  @Test func anEmptyHistoryIsClean() { expect([], in: IsolationHistory()) }

  @Test func whatAStoreDoesIsClean() {
    let report = expect(
      [],
      in: inTurn(
        write(.append(1, to: a), .append(2, to: b), offset: 3),
        view([a: [1], b: [2], c: []], .init(3)),
        write(
          .read(a, [1]), .append(3, to: a), .read(a, [1, 3]), .savepoint, .append(4, to: a), .read(a, [1, 3, 4]),
          .rollBack, .append(5, to: a), .savepoint, .append(6, to: c), .release, .read(a, [1, 3, 5]), offset: 6),
        write(.append(7, to: a), outcome: .aborted),
        view([a: [1, 3, 5], b: [2], c: [6]], .init(6)),
        view([a: [1, 3, 5], c: [6]], process: 2)))
    #expect(report.commitCount == 2 && report.elementCount == 5)
    #expect(report.operationCounts == [.transaction: 3, .snapshot: 3])
  }

  /// ```
  /// writer                  reader
  /// commit 2 begins
  ///                         a: [1], or a: [1, 2]
  /// commit 2 ends
  /// ```
  @Test(arguments: [[1], [1, 2]]) func whatIsUnderWayMayBeSeenOrNot(_ elements: [Int]) {
    var history = inTurn(write(.append(1, to: a)))
    history.append(Operation(.transaction, process: 0, begin: 10, end: 13, [.append(2, to: a)]))
    history.append(Operation(.snapshot, process: 1, begin: 11, end: 12, [.read(a, elements)]))
    expect([], in: history)
  }

  @Test func anUnknownCommitMayBeThereOrNot() {
    let unknown = write(.append(2, to: a), .append(3, to: b), outcome: .unknown)
    expect([], in: inTurn(write(.append(1, to: a)), unknown, view([a: [1], b: []])))
    expect([], in: inTurn(write(.append(1, to: a)), unknown, view([a: [1], b: []]), view([a: [1, 2], b: [3]])))
    expect([.gSingle], in: inTurn(write(.append(1, to: a)), unknown, view([a: [1, 2], b: []])))
  }

  // MARK: What reads show by themselves

  /// ```
  /// writer                  reader
  /// append 2 to a
  ///                         a: [1, 2]
  /// abort
  /// ```
  @Test func abortedReadsAreFound() {
    let report = expect(
      [.g1a], in: inTurn(write(.append(1, to: a)), write(.append(2, to: a), outcome: .aborted), view([a: [1, 2]])))
    #expect(report.anomalies[0].operations == [2, 1])
    expect(
      [.g1a],
      in: inTurn(
        write(.append(1, to: a), .savepoint, .append(2, to: a), .rollBack, .append(3, to: a)), view([a: [1, 2, 3]])))
    // Reads of an aborted transaction are no exception.
    expect(
      [.g1a],
      in: inTurn(write(.append(1, to: a), outcome: .aborted), write(.read(a, [1]), outcome: .aborted)))
  }

  /// ```
  /// writer                  reader
  /// append 1 to a
  ///                         a: [1]
  /// append 2 to a
  /// commit
  /// ```
  @Test func intermediateReadsAreFound() {
    let report = expect(
      [.g1b], in: atOnce(write(.append(1, to: a), .append(2, to: a)), view([a: [1]]), view([a: [1, 2]])))
    #expect(report.anomalies[0].operations == [1, 0])
    // Also if nobody ever reads the rest.
    expect([.g1b], in: atOnce(write(.append(1, to: a), .append(2, to: a)), view([a: [1]])))
  }

  @Test func elementsThatNobodyAppendedAreFound() {
    expect([.unknownElement], in: inTurn(write(.append(1, to: a)), view([a: [1, 9]])))
    expect([.unknownElement], in: IsolationHistory([peek(a, [9], 0...1)]))
  }

  @Test func duplicatesAreFound() { expect([.duplicate], in: inTurn(write(.append(1, to: a)), view([a: [1, 1]]))) }

  @Test func incompatibleOrdersAreFound() {
    let report = expect(
      [.incompatibleOrder],
      in: atOnce(write(.append(1, to: a)), write(.append(2, to: a)), view([a: [1, 2]]), view([a: [2]])))
    #expect(report.description.contains("left/a was read with 1 and with 2 behind 0 elements"))
  }

  @Test func transactionsThatDontSeeTheirOwnAppendsAreFound() {
    expect([.internalRead], in: inTurn(write(.append(1, to: a), .read(a, []))))
    expect([.internalRead], in: inTurn(write(.append(1, to: a), .append(2, to: a), .read(a, [2, 1]))))
    expect(
      [.g1a], in: inTurn(write(.savepoint, .append(1, to: a), .rollBack, .read(a, [1])), view([a: []])))
  }

  // MARK: Cycles

  /// ```
  /// first                   second
  /// append 1 to a           append 2 to a
  /// append 3 to b           append 4 to b
  /// commit                  commit
  ///                                             a: [1, 2], b: [4, 3]
  /// ```
  @Test func dirtyWritesAreFound() {
    let report = expect(
      [.g0],
      in: atOnce(
        write(.append(1, to: a), .append(3, to: b)), write(.append(2, to: a), .append(4, to: b)), view([a: [1, 2]]),
        view([b: [4, 3]])))
    let cycle = report.anomalies[0].cycle
    #expect(cycle.map(\.dependency) == [.ww, .ww])
    #expect(Set(cycle.map(\.from)) == [0, 1] && Set(cycle.compactMap(\.key)) == [a, b])
    #expect(report.description.contains("appended 2 to left/a behind its 1"))
  }

  /// ```
  /// first                   second
  /// append 1 to a           append 2 to b
  /// read b: [2]             read a: [1]
  /// commit                  commit
  /// ```
  @Test func circularInformationFlowIsFound() {
    let report = expect(
      [.g1c], in: atOnce(write(.append(1, to: a), .read(b, [2])), write(.append(2, to: b), .read(a, [1]))))
    #expect(report.anomalies[0].cycle.map(\.dependency) == [.wr, .wr])
  }

  /// ```
  /// first                   second
  /// read a: [1]             read a: [1]
  /// append 2 to a           append 3 to a
  /// commit                  commit
  ///                                             a: [1, 3], or a: [1, 2, 3]
  /// ```
  @Test(arguments: [[1, 3], [1, 2, 3]]) func lostUpdatesAreFound(_ elements: [Int]) {
    let report = expect(
      [.lostUpdate],
      in: atOnce(
        write(.append(1, to: a)), write(.read(a, [1]), .append(2, to: a)), write(.read(a, [1]), .append(3, to: a)),
        view([a: elements])))
    #expect(Set(report.anomalies[0].operations) == [1, 2])
  }

  /// ```
  /// writer                  reader
  ///                         a: []
  /// append 1 to a
  /// append 2 to b
  /// commit
  ///                         b: [2]
  /// ```
  @Test func readSkewIsFound() {
    let report = expect([.gSingle], in: atOnce(write(.append(1, to: a), .append(2, to: b)), view([a: [], b: [2]])))
    #expect(report.anomalies[0].cycle.map(\.dependency).sorted { $0.rawValue < $1.rawValue } == [.rw, .wr])
    #expect(report.description.contains("rw: it has read left/a without the 1 of #0"))
    #expect(report.description.contains("wr: #1 has read its 2 in left/b"))
    // Across tables, and over a transaction in between.
    let far = expect(
      [.gSingle],
      in: atOnce(
        write(.append(1, to: a)), write(.read(a, [1]), .append(2, to: c)), view([a: [], c: [2]])))
    #expect(far.anomalies[0].cycle.count == 3)
  }

  /// ```
  /// first                   second
  /// read a: []              read b: []
  /// append 1 to b           append 2 to a
  /// commit                  commit
  /// ```
  @Test func writeSkewIsFound() {
    let report = expect(
      [.writeSkew],
      in: atOnce(
        write(.read(a, []), .append(1, to: b)), write(.read(b, []), .append(2, to: a)), view([a: [2], b: [1]])))
    #expect(report.anomalies[0].cycle.map(\.dependency) == [.rw, .rw])
  }

  /// ```
  /// first          second              one reader      another
  /// append 1 to a  append 2 to b
  ///                                    a: [1], b: []
  ///                                                    a: [], b: [2]
  /// ```
  @Test func readersThatDisagreeAreFound() {
    let report = expect(
      [.g2],
      in: atOnce(write(.append(1, to: a)), write(.append(2, to: b)), view([a: [1], b: []]), view([a: [], b: [2]])))
    #expect(report.anomalies[0].cycle.count == 4)
  }

  // MARK: Sessions and real time

  /// ```
  /// writer                  reader
  /// append 1 to a
  ///                         a: [1]
  ///                         a: []
  /// commit
  /// ```
  @Test func readersThatGoBackAreFound() {
    var history = IsolationHistory([Operation(.transaction, process: 0, begin: 0, end: 9, [.append(1, to: a)])])
    history.append(Operation(.snapshot, process: 1, begin: 1, end: 2, [.read(a, [1])]))
    history.append(Operation(.snapshot, process: 1, begin: 3, end: 4, [.read(a, [])]))
    let report = expect([.gSingle], .session, in: history)
    #expect(report.anomalies[0].name == "G-single, read skew (session)")
    #expect(report.description.contains("order: #2 is what the same process did later"))
    // Two readers may go back where their order is unknown: the calls of one overlap those of the other.
    history = IsolationHistory([history.operations[0], history.operations[1]])
    history.append(Operation(.snapshot, process: 2, begin: 1, end: 4, [.read(a, [])]))
    expect([], in: history)
  }

  /// ```
  /// writer                  reader
  /// append 1 to a
  /// commit is acknowledged
  ///                         a: []
  /// ```
  @Test func snapshotsThatLackWhatWasAcknowledgedAreFound() {
    let report = expect([.gSingle], .realTime, in: inTurn(write(.append(1, to: a)), view([a: []])))
    #expect(report.anomalies[0].name == "G-single, read skew (real time)")
    // And an element that is gone again, although it was never read: the list could hold it only after later elements.
    expect(
      [.g0], .session,
      in: inTurn(write(.append(1, to: a)), write(.append(2, to: a)), write(.append(3, to: a)), view([a: [1, 3]])))
  }

  /// ```
  /// writer                  reader
  ///                         a: [1]
  /// append 1 to a
  /// commit
  /// ```
  @Test func readsFromTheFutureAreFound() {
    expect([.g1c], .realTime, in: IsolationHistory(inTurn(view([a: [1]]), write(.append(1, to: a))).operations))
  }

  // MARK: Offsets, positions and stream time

  /// ```
  /// writer                  reader
  /// 1 to a, offset 3
  /// 2 to b, offset 5
  ///                         offset 3, a: [1], b: [2]
  /// ```
  @Test func listsThatArentThoseOfTheOffsetAreFound() {
    let (first, second) = (write(.append(1, to: a), offset: 3), write(.append(2, to: b), offset: 5))
    // Only the offset shows that the read is too new, because it overlaps both commits.
    let newer = expect([.wrongState, .gSingle], .offsets, in: atOnce(first, second, view([a: [1], b: [2]], .init(3))))
    #expect(newer.description.contains("left/b is [] at offset 3, and was read as [2]"))
    expect([.wrongState, .gSingle], .offsets, in: atOnce(first, second, view([a: [1], b: []], .init(5))))
    expect([.wrongStamp], .offsets, in: atOnce(first, second, view([a: [1]], .init(4))))
  }

  @Test func stampsThatDontBelongTogetherAreFound() {
    let partition = TopicPartition("input", 0)
    var first = write(.append(1, to: a))
    first.stamp = .init(3, [partition: 7], streamTime: 70)
    expect([], in: inTurn(first, view([a: [1]], first.stamp)))
    expect([.wrongStamp], .offsets, in: inTurn(first, view([a: [1]], .init(3, [partition: 8], streamTime: 70))))
    expect([.wrongStamp], .offsets, in: inTurn(first, view([a: [1]], .init(3, [partition: 7], streamTime: 69))))
    expect(
      [.wrongStamp], .offsets, in: atOnce(write(.append(1, to: a), offset: 3), write(.append(1, to: b), offset: 3)))
    // A later commit with a smaller offset.
    expect([.g0], .session, in: inTurn(write(offset: 5), write(offset: 3)))
    // An offset that goes back, without any reads of lists.
    expect(
      [.gSingle], .session, in: inTurn(write(offset: 3), write(offset: 5), view([:], .init(5)), view([:], .init(3))))
  }

  // MARK: The history itself

  @Test func malformedHistoriesAreToldSo() {
    expect([.malformed], in: inTurn(write(.append(1, to: a)), write(.append(1, to: a))))
    expect([.malformed], in: inTurn(write(.rollBack)))
    expect([.malformed], in: inTurn(Operation(.snapshot, process: 1, begin: 0, end: 0, [.append(1, to: a)])))
  }
}
