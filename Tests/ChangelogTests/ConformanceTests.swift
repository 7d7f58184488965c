import Changelog
import Foundation
import Testing
import TidemarkTesting

/// The conformance checks find every fault, and report none in a correct changelog.
@Suite struct ConformanceTests {
  private func conformance(
    _ promise: ChangelogConformance.Promise, _ fault: SabotagedChangelog.Fault?
  ) -> ChangelogConformance {
    // Only files have an end that can be torn.
    let scratches = Mutex([ChangelogIdentity: Scratch]())
    let isFile = promise == .recovery
    let tear: (any Changelog) throws -> Void = { log in
      try ChangelogTests.tear(try #require((log as? SabotagedChangelog)?.base as? FileLog))
    }
    let make: () throws -> any Changelog = {
      guard isFile else { return SabotagedChangelog(InMemoryChangelog(maxCommitBytes: 20_000), fault) }
      let scratch = Scratch()
      let log = try scratch.open()
      scratches.withLock { $0[log.identity] = scratch }
      return SabotagedChangelog(log, fault)
    }
    let reopen: (any Changelog) throws -> any Changelog = { log in
      let base = try #require(log as? SabotagedChangelog).base
      if let memory = base as? InMemoryChangelog {
        return SabotagedChangelog(memory.reopened(), fault, isReopened: true)
      }
      let scratch = try #require(scratches.withLock { $0[log.identity] })
      return SabotagedChangelog(try scratch.open(), fault, isReopened: true)
    }
    return ChangelogConformance(
      maxCommitBytes: 20_000, patience: fault?.promise == .waiting ? .milliseconds(500) : .seconds(20),
      tear: isFile ? tear : nil, make: make, reopen: reopen)
  }

  /// Each check is seen to fail with the fault made for it.
  @Test(arguments: SabotagedChangelog.Fault.allCases)
  func aBrokenPromiseIsSeen(_ fault: SabotagedChangelog.Fault) throws {
    do {
      try conformance(fault.promise, fault).check(fault.promise)
      Issue.record("nothing was seen")
    } catch let violation as ChangelogConformance.Violation {
      #expect(violation.promise == fault.promise)
      #expect(violation.description.contains("; "), "\(violation)")
    }
    try conformance(fault.promise, nil).check(fault.promise)
  }

  @Test func everyPromiseHasAFaultThatBreaksIt() {
    #expect(Set(SabotagedChangelog.Fault.allCases.map(\.promise)) == Set(ChangelogConformance.Promise.allCases))
  }
}
