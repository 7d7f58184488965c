/// A commit as it is read from a changelog.
///
/// Valid only during the call it is given to. A commit that lies in the changelog as several batches is given as one: its
/// records joined, in order, in their canonical encoding.
public struct LoggedCommit: ~Escapable {
  /// Where it starts.
  public let baseOffset: Offset
  /// After it.
  public let endOffset: Offset
  /// The writer that appended it.
  public let epoch: Int32
  /// When it was appended, by the writer's wall clock.
  public let timestamp: Timestamp
  /// The receipt of the commit before.
  public let previousReceipt: Receipt
  /// Its receipt.
  public let receipt: Receipt
  /// How far each input partition was consumed.
  public let position: Position
  /// The stream time.
  public let streamTime: Timestamp?
  /// The digest of what it carried for elsewhere (``Commit/outputsDigest``); `nil` if it carried nothing.
  public let outputsDigest: UInt64?
  /// Fields of a later version that may be skipped (``CommitMetadata/laterFields``); its receipt covers them.
  public let laterFields: TaggedFields
  /// How many bytes it takes in the changelog.
  public let byteCount: Int
  /// The net changes.
  public let records: RecordSpan

  /// Puts a commit together.
  @_lifetime(copy records)
  public init(
    baseOffset: Offset, endOffset: Offset, epoch: Int32, timestamp: Timestamp, previousReceipt: Receipt,
    receipt: Receipt, position: Position, streamTime: Timestamp?, outputsDigest: UInt64? = nil,
    laterFields: TaggedFields = TaggedFields(), byteCount: Int, records: RecordSpan
  ) {
    self.baseOffset = baseOffset
    self.endOffset = endOffset
    self.epoch = epoch
    self.timestamp = timestamp
    self.previousReceipt = previousReceipt
    self.receipt = receipt
    self.position = position
    self.streamTime = streamTime
    self.outputsDigest = outputsDigest
    self.laterFields = laterFields
    self.byteCount = byteCount
    self.records = records
  }
}
