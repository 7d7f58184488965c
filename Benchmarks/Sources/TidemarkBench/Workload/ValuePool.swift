/// The pool of all values: a megabyte that compresses to about half; each value is 100 bytes of it at some offset.
///
/// As in RocksDB's db_bench: 50 random letters, twice.
@safe
final class ValuePool: Sendable {
  static let valueBytes = 100
  static let shared = ValuePool()

  // Proof: filled in `init`, never changed and never freed, since the one pool lives as long as the process.
  nonisolated(unsafe) let base: UnsafeRawPointer
  private static let poolBytes = 1 << 20

  private init() {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.poolBytes + Self.valueBytes, alignment: 16)
    var random = SeededGenerator(seed: 844)
    for index in 0..<buffer.count {
      // Proof: the buffer has `count` bytes, and the one read was written 50 steps ago.
      unsafe buffer[index] = index % 100 < 50 ? UInt8(32 + random.next() % 95) : buffer[index - 50]
    }
    unsafe base = UnsafeRawPointer(buffer.baseAddress!)
  }

  /// The offset of a number's value.
  static func offset(for number: UInt64) -> UInt32 { UInt32(mixed(number ^ 0xA5A5) % UInt64(poolBytes)) }
}
