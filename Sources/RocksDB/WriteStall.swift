/// Whether the writes of a column family wait until flushes and compactions have caught up, numbered as in
/// `rocksdb::WriteStallCondition`.
public enum WriteStall: Int32, Sendable, Comparable {
  /// They don't wait.
  case none = 0
  /// They are slowed down.
  case delayed = 1
  /// They are stopped.
  case stopped = 2

  /// Orders by how much they wait.
  public static func < (a: WriteStall, b: WriteStall) -> Bool { a.rawValue < b.rawValue }
}
