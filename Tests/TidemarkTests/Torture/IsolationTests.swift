import Testing
import Tidemark
import TidemarkTesting
import Torture

/// Readers beside a writer, recorded and checked: every snapshot is one commit's state with its offset, position and
/// stream time; no reader goes back or misses an acknowledged commit; only readers that ask see uncommitted changes.
@Suite struct IsolationTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// Over three lives of a store; the last commit of a life may be unknown until the next.
  @Test(arguments: [true, false]) func recordedHistoriesHaveNoAnomalies(_ hasChangelog: Bool) throws {
    let seed = testSeed()
    var settings = IsolationRun.Settings()
    settings.hasChangelog = hasChangelog
    let report = try IsolationRun(seed: seed, settings: settings, in: directory("run")).record().check()
    #expect(report.isClean, "TIDEMARK_SEED=\(seed)\n\(report)")
    #expect(report.commitCount > 150)
    #expect(report.operationCounts.count == HistoryOperation.Kind.allCases.count)
    #expect(report.edgeCounts.count == IsolationAnomaly.Edge.Dependency.allCases.count)
  }

  /// A recorded history, with one event that didn't happen.
  @Test func whatIsPlantedInARecordedHistoryIsFound() throws {
    let seed = testSeed()
    var settings = IsolationRun.Settings()
    (settings.lives, settings.transactions, settings.readers) = (1, 60, 2)
    let operations = try IsolationRun(seed: seed, settings: settings, in: directory("run")).record().operations
    var random = SeededGenerator(seed: seed)

    /// The anomalies of the history after a change to one operation of a kind.
    func kinds(
      _ kind: HistoryOperation.Kind, _ change: (inout HistoryOperation) -> Bool
    ) throws -> Set<IsolationAnomaly.Kind> {
      for place in operations.indices.shuffled(using: &random) where operations[place].kind == kind {
        var changed = operations
        if change(&changed[place]) { return Set(IsolationHistory(changed).check().anomalyCounts.keys) }
      }
      Issue.record("there is no such operation")
      return []
    }
    /// Drops the last element from the first read of a list that isn't empty.
    func cut(_ operation: inout HistoryOperation) -> Bool {
      for (place, action) in operation.actions.enumerated() {
        guard case .read(let key, let elements) = action, !elements.isEmpty else { continue }
        operation.actions[place] = .read(key, elements.dropLast())
        return true
      }
      return false
    }
    func appends(_ operation: HistoryOperation) -> Bool {
      var appends = false
      for action in operation.actions {
        switch action {
        case .append: appends = true
        case .rollBack: return false
        default: break
        }
      }
      return appends
    }

    #expect(try kinds(.snapshot, cut).contains(.wrongState), "TIDEMARK_SEED=\(seed)")
    let moved = try kinds(.snapshot) { snapshot in
      snapshot.stamp?.position = [TopicPartition("input", 0): 1_000_000]
      return true
    }
    #expect(moved == [.wrongStamp], "TIDEMARK_SEED=\(seed)")
    let aborted = try kinds(.transaction) { transaction in
      guard transaction.outcome == .committed, appends(transaction) else { return false }
      transaction.outcome = .aborted
      return true
    }
    #expect(aborted.contains(.g1a), "TIDEMARK_SEED=\(seed)")
    // A transaction that misses an earlier commit, or its own changes.
    let stale = try kinds(.transaction) { $0.outcome == .committed && cut(&$0) }
    #expect(!stale.isEmpty, "TIDEMARK_SEED=\(seed)")
  }
}
