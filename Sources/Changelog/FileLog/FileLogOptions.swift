/// When a commit that was acknowledged survives a loss of power.
///
/// In every case it survives the death of the process.
public enum Durability: Sendable, Hashable {
  /// Once `append` returns.
  case sync
  /// At most this much later, unless a sync takes longer or fails: a thread of the process syncs, and acknowledgements wait once the oldest
  /// unsynced commit is this old.
  case interval(Duration)
  /// When the operating system gets to it, or at `sync()`.
  case os
}

/// How a file log is kept.
public struct FileLogOptions: Sendable, Hashable {
  /// When an acknowledged commit survives a loss of power.
  public var durability: Durability
  /// From this size on a segment is followed by another; at most 1 GiB.
  public var segmentBytes: Int
  /// An index entry is made when more than this was appended since the last.
  public var indexIntervalBytes: Int
  /// The greatest size of a commit's batch, at most 1 GiB; a larger one is `tooLarge`.
  public var maxCommitBytes: Int
  /// Whether a log that is missing is created.
  public var createIfMissing: Bool
  /// Whether commits are kept until they are deleted below a checkpoint; if not, the log counts as a tail
  /// (``ChangelogCapabilities/keepsHistory``).
  public var keepsHistory: Bool

  /// Puts options together.
  public init(
    durability: Durability = .os, segmentBytes: Int = 256 << 20, indexIntervalBytes: Int = 4096,
    maxCommitBytes: Int = 64 << 20, createIfMissing: Bool = true, keepsHistory: Bool = true
  ) {
    self.durability = durability
    self.segmentBytes = segmentBytes
    self.indexIntervalBytes = indexIntervalBytes
    self.maxCommitBytes = maxCommitBytes
    self.createIfMissing = createIfMissing
    self.keepsHistory = keepsHistory
  }

  var capabilities: ChangelogCapabilities { keepsHistory ? [.verifiesHistory, .keepsHistory] : .verifiesHistory }

  func validate() throws(StoreError) {
    let greatest = 1 << 30
    guard (1...greatest).contains(segmentBytes), (1...greatest).contains(maxCommitBytes), indexIntervalBytes >= 0 else {
      throw StoreError(
        .invalidArgument, "segments and commits take 1 byte to 1 GiB, an index interval 0 bytes or more",
        [
          "segmentBytes": segmentBytes, "maxCommitBytes": maxCommitBytes, "indexIntervalBytes": indexIntervalBytes,
        ])
    }
    if case .interval(let interval) = durability, interval < .zero || interval > .seconds(86_400) {
      throw StoreError(.invalidArgument, "a sync interval is 0 seconds to a day", ["interval": "\(interval)"])
    }
  }
}
