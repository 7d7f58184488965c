internal import Changelog
internal import struct Synchronization.Atomic

/// What a cursor reads from: a view, or a transaction.
///
/// Proof of `@unchecked Sendable`: its own fields are immutable or atomic; subclasses prove theirs.
@usableFromInline
class ReadSource: @unchecked Sendable {
  private final let changes = Atomic<UInt64>(0)
  final let usage: StoreUsage
  /// Whether it can expire while a cursor stands on it: each step then goes through ``beginRead()`` and ``endRead()``.
  final let canExpire: Bool

  /// Grows when what a cursor stands on is gone: the cursor then looks again (``rows(in:_:_:)``), or throws (``check()``).
  final var generation: UInt64 { @inline(__always) get { changes.load(ordering: .relaxed) } }

  init(_ usage: StoreUsage, canExpire: Bool) {
    self.usage = usage
    self.canExpire = canExpire
  }

  /// Makes cursors look again.
  final func changed() { changes.add(1, ordering: .relaxed) }

  /// Throws if it can't be read any more.
  func check() throws(StoreError) {}
  /// The rows of a range as they are at this moment.
  func rows(in table: OpenTable, _ range: KeyRange, _ order: ScanOrder) throws(StoreError) -> ByteCursor {
    fatalError("each kind of source has rows of its own")
  }
  /// Keeps what cursors stand on until ``endRead()``; throws if it is too late.
  func beginRead() throws(StoreError) {}
  func endRead() {}
  /// Takes note of a cursor that stands on it, to be told when that is over.
  func add(_ cursor: RowCursor) {}
  func remove(_ cursor: RowCursor) {}
}
