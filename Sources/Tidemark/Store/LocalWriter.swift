internal import Changelog

/// Stands in for a changelog's writer where there is no changelog: it counts commits and chains their receipts, and
/// RocksDB's write-ahead log keeps them.
final class LocalWriter: ChangelogWriter {
  /// Names the offset row of a store without a changelog.
  static let partition = TopicPartition("local", 0)
  /// The receipt before the first commit.
  static let startReceipt = Receipt(0)

  let epoch: Int32 = 0
  private let end: Mutex<(offset: Offset, receipt: Receipt)>

  init(_ stored: CommittedState?) {
    end = Mutex((stored?.offset ?? .zero, stored?.receipt ?? Self.startReceipt))
  }

  var endOffset: Offset { end.withLock { $0.offset } }
  var durableOffset: Offset { endOffset }
  var lastReceipt: Receipt { end.withLock { $0.receipt } }

  func append(_ commit: borrowing Commit) throws(StoreError) -> AppendedCommit {
    var metadata = ByteBuffer()
    encodeMetadata(position: commit.position, streamTime: commit.streamTime, into: &metadata)
    let receipt = lastReceipt.followed(byMetadata: metadata.bytes, records: commit.records.bytes)
    return end.withLock { end in
      let base = end.offset
      end = (base.advanced(by: 1), receipt)
      return AppendedCommit(baseOffset: base, endOffset: end.offset, receipt: receipt)
    }
  }

  func sync() throws(StoreError) -> Offset { endOffset }
  func close() throws(StoreError) {}
}
