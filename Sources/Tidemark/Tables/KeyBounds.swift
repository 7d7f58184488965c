internal import Changelog

/// A Swift range of keys, for scans: `a..<b`, `a...b`, `a...`, `..<b` or `...b`.
///
/// Its bounds are compared as encoded keys, in the order of the table. Where that isn't Swift's order (strings are ordered by
/// their UTF-8 bytes), a range whose lower bound comes second has no rows.
public protocol KeyBounds<Bound> {
  /// The keys.
  associatedtype Bound
  /// The rows whose keys lie within.
  func scanRange<Key: KeyCodec>() -> ScanRange<Key> where Key.Value == Bound
}

extension Range: KeyBounds {
  /// Rows from the lower bound on and before the upper.
  public func scanRange<Key: KeyCodec>() -> ScanRange<Key> where Key.Value == Bound {
    .between(lowerBound, upperBound)
  }
}

extension ClosedRange: KeyBounds {
  /// Rows from the lower bound on and up to the upper, with that.
  public func scanRange<Key: KeyCodec>() -> ScanRange<Key> where Key.Value == Bound {
    .between(lowerBound, through: upperBound)
  }
}

extension PartialRangeFrom: KeyBounds {
  /// Rows from the bound on.
  public func scanRange<Key: KeyCodec>() -> ScanRange<Key> where Key.Value == Bound { .from(lowerBound) }
}

extension PartialRangeUpTo: KeyBounds {
  /// Rows before the bound.
  public func scanRange<Key: KeyCodec>() -> ScanRange<Key> where Key.Value == Bound { .upTo(upperBound) }
}

extension PartialRangeThrough: KeyBounds {
  /// Rows up to the bound, with that.
  public func scanRange<Key: KeyCodec>() -> ScanRange<Key> where Key.Value == Bound { .through(upperBound) }
}
