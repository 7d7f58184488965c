import Testing

@testable import Tidemark

/// The records of the commit under way, and the memory that stays afterwards.
@Suite struct CommitPipelineTests {
  /// The same after success and failure: the pipeline isn't told which.
  ///
  /// Seen to fail with: a buffer that stays, however large the commit was.
  @Test func aLargeCommitLeavesNothing() throws {
    var pipeline = CommitPipeline(CommittedState(offset: 7, receipt: Receipt(7)))
    for (bytes, stays) in [(8 << 20, false), (1000, true)] {
      var changes = IndexedBatch()
      changes.put([1].rawSpan, [UInt8](repeating: 1, count: bytes).rawSpan, in: .system)
      pipeline.seal(system: changes)
      let sealed = pipeline.commit.records.byteCount
      #expect(sealed > bytes)
      pipeline.reopen()
      #expect(pipeline.commit.records.byteCount == (stays ? sealed : 0))
      changes = IndexedBatch()
    }
  }
}
