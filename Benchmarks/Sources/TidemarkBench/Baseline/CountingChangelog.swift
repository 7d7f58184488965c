import Foundation
import Synchronization
import Tidemark

/// A changelog that costs nothing and keeps nothing: it counts records.
///
/// Stands in for a remote changelog whose work is done elsewhere. A store on it can't be reopened in another process.
final class CountingChangelog: Changelog {
  let identity = ChangelogIdentity(id: UUID(), topicPartition: TopicPartition("counted", 0))
  let capabilities: ChangelogCapabilities = []
  fileprivate let end = Atomic<Int64>(0)

  fileprivate var endOffset: Offset { Offset(end.load(ordering: .acquiring)) }

  func offsets() throws(StoreError) -> ChangelogOffsets {
    ChangelogOffsets(start: .zero, durable: endOffset, end: endOffset)
  }

  func openWriter() throws(StoreError) -> any ChangelogWriter { CountingWriter(self) }

  func read(
    from start: Offset, to end: Offset?, _ body: (LoggedCommit) throws(StoreError) -> ReadContinuation
  ) throws(StoreError) -> Offset {
    guard start == endOffset else { throw StoreError(.unsupported, "a changelog that only counts can't be read") }
    return start
  }

  func receipt(endingAt offset: Offset) throws(StoreError) -> Receipt? { receipt(at: offset) }

  func deleteCommits(below offset: Offset) throws(StoreError) -> Offset { .zero }

  /// A store needs no more of a receipt than a number that tells commits apart.
  fileprivate func receipt(at offset: Offset) -> Receipt {
    offset == .zero ? Receipt(startOf: identity) : Receipt(UInt64(offset.value))
  }
}

private final class CountingWriter: ChangelogWriter {
  private let changelog: CountingChangelog
  let epoch: Int32 = 0

  init(_ changelog: CountingChangelog) { self.changelog = changelog }

  var endOffset: Offset { changelog.endOffset }
  var durableOffset: Offset { changelog.endOffset }
  var lastReceipt: Receipt { changelog.receipt(at: changelog.endOffset) }

  func append(_ commit: borrowing Commit) throws(StoreError) -> AppendedCommit {
    let (base, end) = changelog.end.add(Int64(commit.records.count) + 1, ordering: .acquiringAndReleasing)
    return AppendedCommit(
      baseOffset: Offset(base), endOffset: Offset(end), receipt: changelog.receipt(at: Offset(end)))
  }

  func sync() throws(StoreError) -> Offset { endOffset }
  func close() throws(StoreError) {}
}
