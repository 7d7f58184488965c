import Testing
import Tidemark
import TidemarkTesting

/// Random histories against an in-memory oracle.
@Suite struct ModelTests {
  @Test(arguments: 0..<6)
  func everyReadOfARandomHistoryWithAChangelogAgreesWithTheModel(_ round: Int) throws {
    try runHistory(hasChangelog: true, round)
  }

  @Test(arguments: 0..<4)
  func everyReadOfARandomHistoryWithoutAChangelogAgreesWithTheModel(_ round: Int) throws {
    try runHistory(hasChangelog: false, round)
  }

  private func runHistory(hasChangelog: Bool, _ round: Int, _ name: String = #function) throws {
    let seed = testSeed("\(name) round \(round)")
    let history = ModelHistory(try TemporaryDirectory(), hasChangelog: hasChangelog, seed: seed &+ UInt64(round))
    do {
      try history.run(steps: 700)
    } catch {
      Issue.record("TIDEMARK_SEED=\(seed), round \(round), step \(history.step), \(history.operation): \(error)")
    }
  }

  @Test func theModelItselfRollsBackAndForgets() {
    var model = ModelStore(tables: ["t"])
    model.put([1], [10], in: "t")
    model.setSavepoint()
    model.delete([1], in: "t")
    model.advance(streamTime: 5)
    #expect(model.current["t"].rows.isEmpty)
    model.rollBackToSavepoint()
    #expect(model.current["t"].rows == [[1]: [10]])
    #expect(model.current.streamTime == nil)
    #expect(model.uncommittedEntries == 1)
    let (first, second) = (model.commit(), model.commit())
    #expect(first && !second)
    model.put([0xFF], [], in: "t")
    model.put([0xFF, 0], [1], in: "t")
    #expect(model.current["t"].scan(.prefix([0xFF]), .descending).map(\.key) == [[0xFF, 0], [0xFF]])
    #expect(model.current["t"].next(after: [1], in: .all, .ascending)?.key == [0xFF])
    model.abort()
    #expect(model.current == model.committed)
  }
}
