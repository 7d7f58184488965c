internal import Changelog

/// A changelog up to an earlier commit, as if it had ended there: what a store is restored from that shows the past.
///
/// Others may append to the changelog meanwhile.
struct ChangelogPrefix: Changelog {
  let changelog: any Changelog
  /// Where a commit ends that is durable.
  let end: Offset

  var identity: ChangelogIdentity { changelog.identity }
  var capabilities: ChangelogCapabilities {
    changelog.capabilities.subtracting([.carriesOutputs, .carriesGroupOffsets])
  }

  func offsets() throws(StoreError) -> ChangelogOffsets {
    ChangelogOffsets(start: try changelog.offsets().start, durable: end, end: end)
  }

  func openWriter() throws(StoreError) -> any ChangelogWriter {
    guard let receipt = try changelog.receipt(endingAt: end) else {
      throw StoreError(.invalidArgument, "no commit of the changelog ends at the offset", ["offset": end])
    }
    return EndedWriter(endOffset: end, lastReceipt: receipt)
  }

  func read(
    from start: Offset, to end: Offset?, _ body: (LoggedCommit) throws(StoreError) -> ReadContinuation
  ) throws(StoreError) -> Offset {
    try changelog.read(from: start, to: min(end ?? self.end, self.end), body)
  }

  func receipt(endingAt offset: Offset) throws(StoreError) -> Receipt? {
    offset <= end ? try changelog.receipt(endingAt: offset) : nil
  }

  func byteCount(from start: Offset, to end: Offset) throws(StoreError) -> Int? {
    try changelog.byteCount(from: start, to: min(end, self.end))
  }

  func deleteCommits(below offset: Offset) throws(StoreError) -> Offset { throw Self.readOnlyError }

  fileprivate static let readOnlyError = StoreError(.invalidArgument, "the changelog's past can't be changed")
}

/// Stands in for the writer of a changelog that ends in the past.
private final class EndedWriter: ChangelogWriter {
  let epoch: Int32 = 0
  let endOffset: Offset
  let lastReceipt: Receipt

  init(endOffset: Offset, lastReceipt: Receipt) { (self.endOffset, self.lastReceipt) = (endOffset, lastReceipt) }

  var durableOffset: Offset { endOffset }
  func append(_ commit: borrowing Commit) throws(StoreError) -> AppendedCommit { throw ChangelogPrefix.readOnlyError }
  func sync() throws(StoreError) -> Offset { endOffset }
  func close() throws(StoreError) {}
}
