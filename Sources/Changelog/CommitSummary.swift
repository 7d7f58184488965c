/// A commit of a changelog as a value, without its records.
public struct CommitSummary: Sendable, Hashable {
  /// The offset at which it starts.
  public var baseOffset: Offset
  /// The offset at which it ends.
  public var endOffset: Offset
  /// The writer that appended it.
  public var epoch: Int32
  /// When it was appended, by the writer's wall clock.
  public var timestamp: Timestamp
  /// The receipt of the previous commit.
  public var previousReceipt: Receipt
  /// Its receipt.
  public var receipt: Receipt
  /// How far each input partition was consumed.
  public var position: Position
  /// The stream time.
  public var streamTime: Timestamp?
  /// The digest of what it carried for elsewhere.
  public var outputsDigest: UInt64?
  /// Its bytes in the changelog.
  public var byteCount: Int
  /// How many records it has.
  public var recordCount: Int

  /// Summarizes a commit.
  public init(_ commit: LoggedCommit) {
    baseOffset = commit.baseOffset
    endOffset = commit.endOffset
    epoch = commit.epoch
    timestamp = commit.timestamp
    previousReceipt = commit.previousReceipt
    receipt = commit.receipt
    position = commit.position
    streamTime = commit.streamTime
    outputsDigest = commit.outputsDigest
    byteCount = commit.byteCount
    recordCount = commit.records.count
  }
}

extension Changelog {
  /// Lists commits in order, as ``read(from:to:_:)`` reads them.
  ///
  /// - Parameters:
  ///   - start: where the first of them starts; without it, the start of the changelog.
  ///   - end: where the last of them ends; without it, the end of the changelog.
  ///   - limit: at most how many; go on from the last one's `endOffset`.
  /// - Returns: the commits; each takes some 200 bytes of memory and its position.
  /// - Throws: what reading throws.
  public func commits(
    from start: Offset? = nil, to end: Offset? = nil, limit: Int = .max
  ) throws(StoreError) -> [CommitSummary] {
    var commits: [CommitSummary] = []
    guard limit > 0 else { return commits }
    let first: Offset
    if let start { first = start } else { first = try offsets().start }
    try read(from: first, to: end) { (commit) throws(StoreError) in
      commits.append(CommitSummary(commit))
      return commits.count < limit ? .next : .stop
    }
    return commits
  }
}
