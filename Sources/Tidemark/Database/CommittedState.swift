internal import Changelog

/// What a store shows: the replay of its changelog up to `offset`.
struct CommittedState: Sendable, Equatable {
  /// The next changelog record to apply.
  var offset: Offset
  /// The receipt of the commit that ends at `offset`.
  var receipt: Receipt
  /// How far each input partition was consumed.
  var position: Position = [:]
  /// The greatest event timestamp seen.
  var streamTime: Timestamp?
}
