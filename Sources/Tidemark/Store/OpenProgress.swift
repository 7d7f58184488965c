public import Changelog

/// How far the opening of a store is.
public struct OpenProgress: Sendable {
  /// What is being done.
  public enum Phase: String, Sendable {
    /// The files on the local disk are checked and opened.
    case recovering
    /// Changelog records are applied.
    case restoring
    /// The store can be used.
    case ready
  }

  /// What is being done.
  public var phase: Phase
  /// Where restore began: the stored offset.
  public var startOffset: Offset
  /// The next changelog record to apply.
  public var offset: Offset
  /// Where restore ends.
  public var endOffset: Offset
  /// How many records were applied.
  public var records = 0
  /// How many changelog bytes were read.
  public var bytes = 0
  /// Since the opening began.
  public var elapsed: Duration = .zero
  /// How many records are applied a second; 0 before the first.
  public var recordsPerSecond: Double = 0
  /// An estimate from the rate and the offsets that are left; `nil` without a rate.
  public var timeLeft: Duration?
}
