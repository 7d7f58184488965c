import Foundation
import QuietLogs
import Testing
import Tidemark
import TidemarkTesting

@Suite struct TemporaryStoreTests {
  init() { quietLogs }

  private struct Stop: Error {}

  @Test(arguments: [nil, FileLogOptions()]) func aStoreIsThereWhileTheClosureRuns(_ changelog: FileLogOptions?) throws {
    let found = try withTemporaryStore(tables: [balances], changelog: changelog) { store in
      try store.write { try $0.put("anna", 5, in: balances) }
      return try store.snapshot().get("anna", in: balances)
    }
    #expect(found == 5)
  }

  @Test func theClosureMayBeAsynchronousAndStaysOnTheCallersActor() async throws {
    let found = try await onMainActor()
    #expect(found == 5)
  }

  @MainActor private func onMainActor() async throws -> Int64? {
    try await withTemporaryStore(tables: [balances]) { store in
      MainActor.assertIsolated()
      try await store.write { try $0.put("anna", 5, in: balances) }
      await Task.yield()
      MainActor.assertIsolated()
      return try store.snapshot().get("anna", in: balances)
    }
  }

  @Test func anErrorOfTheClosureIsThrownAndTheDirectoryGoes() throws {
    var path: String?
    #expect(throws: Stop.self) {
      try withTemporaryStore(tables: [balances]) { store in
        path = try store.info().directory
        #expect(FileManager.default.fileExists(atPath: try #require(path)))
        throw Stop()
      }
    }
    #expect(!FileManager.default.fileExists(atPath: try #require(path)))
  }

  @Test func theDirectoryIsRemovedWithTheObject() throws {
    var path = ""
    do {
      let temporary = try TemporaryStore(tables: [balances])
      path = temporary.path
      try temporary.store.write { try $0.put("anna", 5, in: balances) }
      #expect(FileManager.default.fileExists(atPath: path + "/changelog/state-0"))
    }
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func aStoreThatCanNotBeOpenedLeavesNothingBehind() throws {
    #expect {
      try withTemporaryStore(tables: [balances, balances]) { _ in }
    } throws: {
      ($0 as? StoreError)?.kind == .invalidArgument
    }
  }

  @Test(arguments: [nil, FileLogOptions()]) func committedChangesOutliveTheProcess(
    _ changelog: FileLogOptions?
  ) throws {
    var options = StoreOptions()
    options.storedLagTime = .seconds(3600)
    let temporary = try TemporaryStore(tables: [balances], changelog: changelog, options: options)
    do {
      var transaction = try temporary.store.begin()
      try transaction.put("anna", 5, in: balances)
      try transaction.commit()
      try transaction.put("bert", 6, in: balances)
    }
    let view = try temporary.reopenAfterProcessDeath().snapshot()
    #expect(try view.get("anna", in: balances) == 5)
    #expect(try view.get("bert", in: balances) == nil)
  }

  @Test func reopeningClosesTheStoreFirst() throws {
    let temporary = try TemporaryStore(tables: [balances])
    let first = temporary.store
    try first.write { try $0.put("anna", 5, in: balances) }
    let second = try temporary.reopen()
    #expect(second === temporary.store && second !== first)
    #expect(throws: StoreError.self) { try first.snapshot() }
    #expect(try second.snapshot().get("anna", in: balances) == 5)
  }
}
