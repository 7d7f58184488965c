import Foundation
import Testing
import Tidemark

/// Snapshots that grow too old: they throw, and let go what they held.
@Suite struct SnapshotsExpiryTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  func open(_ expiry: Duration?) throws -> StateStore {
    var options = StoreOptions()
    options.snapshotExpiry = expiry
    return try StateStore.open(
      directory("store"), tables: [balances], changelog: try directory.log(), options: options)
  }

  /// Repeats `body` until it throws, for at most 20 seconds, and answers with the error.
  func failure(of body: () throws(StoreError) -> Void) -> StoreError? {
    let deadline = ContinuousClock.now.advanced(by: .seconds(20))
    while ContinuousClock.now < deadline {
      do throws(StoreError) { try body() } catch { return error }
      sched_yield()
    }
    return nil
  }

  @Test func anExpiredSnapshotThrowsWhateverItIsAskedFor() throws {
    let store = try open(.milliseconds(5))
    try store.write { for n in 0..<3 { try $0.put("\(n)", Int64(n), in: balances) } }
    let view = try store.snapshot()
    let (offset, position) = (view.offset, view.position)
    let error = failure { () throws(StoreError) in _ = try view.get("1", in: balances) }
    #expect(error?.kind == .snapshotExpired)
    func expectExpired(_ body: () throws -> Void) {
      let error = #expect(throws: StoreError.self) { try body() }
      #expect(error?.kind == .snapshotExpired)
    }
    expectExpired { _ = try view.get("1", in: balances) }
    expectExpired { _ = try view.multiGet(["1"], in: balances) }
    expectExpired { _ = try view.withBytes("1", in: balances) { $0.byteCount } }
    expectExpired { _ = try view.scan(balances) }
    // What it is stays known.
    #expect(view.offset == offset && view.position == position)
  }

  @Test func anOpenCursorThrowsOnceItsSnapshotHasExpired() throws {
    let store = try open(.milliseconds(5))
    try store.write { for n in 0..<3 { try $0.put("\(n)", Int64(n), in: balances) } }
    let view = try store.snapshot()
    let cursor = Result { () throws(StoreError) in try view.scan(balances) }
    switch consume cursor {
    case .failure(let error): #expect(error.kind == .snapshotExpired)
    case .success(var cursor):
      _ = failure { () throws(StoreError) in _ = try view.get("1", in: balances) }
      let error = #expect(throws: StoreError.self) { _ = try cursor.next() }
      #expect(error?.kind == .snapshotExpired)
    }
  }

  @Test func otherSnapshotsAndTheTransactionGoOn() throws {
    let store = try open(.milliseconds(5))
    try store.write { try $0.put("a", 1, in: balances) }
    var transaction = try store.begin()
    let old = try store.snapshot()
    #expect(failure { () throws(StoreError) in _ = try old.get("a", in: balances) }?.kind == .snapshotExpired)
    try transaction.update("a", in: balances) { $0 = 2 }
    try transaction.commit()
    #expect(try transaction.get("a", in: balances) == 2)
    // A later one has its own time, however often the first is asked.
    let view = try store.snapshot()
    #expect(view.offset > old.offset)
    #expect(failure { () throws(StoreError) in _ = try view.get("a", in: balances) }?.kind == .snapshotExpired)
  }

  @Test func withoutAnExpiryAndBeforeItNothingExpires() throws {
    for expiry: Duration? in [nil, .seconds(3600)] {
      let store = try open(expiry)
      try store.write { try $0.put("a", 1, in: balances) }
      let view = try store.snapshot()
      for _ in 0..<100 { #expect(try view.get("a", in: balances) == 1) }
      try store.close()
    }
  }

  @Test func readersThatMeetTheExpiryGetTheRowOrTheError() throws {
    let store = try open(.milliseconds(1))
    try store.write { try $0.put("a", 1, in: balances) }
    for _ in 0..<100 {
      let view = try store.snapshot()
      DispatchQueue.concurrentPerform(iterations: 4) { _ in
        let error = failure { () throws(StoreError) in
          let value = try view.get("a", in: balances)
          #expect(value == 1)
        }
        #expect(error?.kind == .snapshotExpired)
      }
    }
    try store.close()
  }
}
