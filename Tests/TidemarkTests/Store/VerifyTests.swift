import Foundation
import Testing
import Tidemark

/// Verification under options that limit other readers.
@Suite struct VerifyTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// Seen to fail with: a view that expires as other views do.
  @Test func aVerificationMayTakeLongerThanSnapshotsLive() throws {
    var options = StoreOptions.lazy
    options.snapshotExpiry = .milliseconds(1)
    let store = try directory.store(try directory.log(), options)
    for number in 0..<50 { try store.write { try $0.put("key\(number)", Int64(number), in: balances) } }
    var steps = 0
    let report = try store.verify(in: directory("scratch")) { _ in
      // A view that was taken later has expired.
      let view = try store.snapshot()
      #expect(
        eventually {
          do throws(StoreError) { _ = try view.get("a", in: balances) } catch { return error.kind == .snapshotExpired }
          return false
        })
      steps += 1
    }
    #expect(steps > 0)
    #expect(report.agrees && report.rows == 50)
    try store.close()
  }
}
