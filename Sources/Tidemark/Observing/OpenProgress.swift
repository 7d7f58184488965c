public import Changelog

/// How far the opening of a store is.
public struct OpenProgress: Sendable {
  /// What is being done.
  public enum Phase: String, Sendable {
    /// The files on the local disk are checked and opened.
    case recovering
    /// Changelog records are read.
    case restoring
    /// More records than fit into memory were read, and are brought into table files.
    case merging
    /// The store can be used.
    case ready
  }

  /// What is being done.
  public var phase: Phase
  /// Where restore began: the stored offset.
  public var startOffset: Offset
  /// The next changelog record to read.
  public var offset: Offset
  /// Where restore ends.
  public var endOffset: Offset
  /// How much of the merging is done, from 0 to 1.
  public var mergedShare = 0.0
  /// How many records were read.
  public var records = 0
  /// How many changelog bytes were read.
  public var bytes = 0
  /// How many changelog bytes are still to be read, from `offset` to `endOffset`; `nil` if the changelog can't tell.
  public var remainingBytes: Int?
  /// Since the opening began.
  public var elapsed: Duration = .zero
  /// How many records are read a second; 0 before the first.
  public var recordsPerSecond: Double = 0
  /// An estimate of what is left of the phase, from its rate; `nil` without a rate.
  public var timeLeft: Duration?

  /// Tells the caller, who may want to stop: what that throws becomes `cancelled`.
  func report(orCancelFor progress: (OpenProgress) throws -> Void) throws(StoreError) {
    do { try progress(self) } catch {
      throw StoreError(
        .cancelled, "cancelled by the progress closure",
        ["phase": phase.rawValue, "offset": offset, "end": endOffset], cause: error)
    }
  }
}
