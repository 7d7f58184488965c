internal import Changelog
internal import struct Synchronization.Atomic

/// Keeps the changelog ahead of the table files: no file gets a change whose changelog batch isn't durable.
final class LogBarrier: Sendable {
  private let writer: any ChangelogWriter
  /// Below it, changes may be in the database.
  private let offset = Atomic<Int64>(0)

  init(_ writer: any ChangelogWriter) { self.writer = writer }

  /// Makes the changelog durable up to an offset, before changes below it go to the database.
  func raise(to offset: Offset) throws(StoreError) {
    self.offset.store(offset.value, ordering: .releasing)
    try hold()
  }

  /// Makes the changelog durable as far as the database may be, unless it is.
  func hold() throws(StoreError) {
    if writer.durableOffset.value < offset.load(ordering: .acquiring) { try writer.sync() }
  }
}
