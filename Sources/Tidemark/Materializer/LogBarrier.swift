internal import Changelog

/// Keeps the changelog ahead of the table files: no file is taken in with a change whose changelog batch isn't durable.
struct LogBarrier: Sendable {
  private let writer: any ChangelogWriter

  init(_ writer: any ChangelogWriter) { self.writer = writer }

  /// Makes the changelog durable up to an offset, unless it is, before changes below it go to the database.
  func raise(to offset: Offset) throws(StoreError) {
    if writer.durableOffset < offset { try writer.sync() }
  }
}
