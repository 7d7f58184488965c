internal import Glibc

/// A piece of a file in memory.
@safe
package struct FileWindow: ~Copyable {
  private var base: UnsafeMutableRawPointer
  private var capacity: Int
  private let chunkBytes: Int
  private var start = 0
  private var count = 0

  package init(_ chunkBytes: Int) {
    self.chunkBytes = chunkBytes
    capacity = chunkBytes
    unsafe base = malloc(chunkBytes)!
  }

  deinit { unsafe free(base) }

  /// After the last byte in memory, as a position in the file.
  package var end: Int { start + count }

  package mutating func forget() { count = 0 }

  /// Brings a range of the file into memory; `false` if the file ends before, with what there is in memory.
  package mutating func load(_ range: Range<Int>, of file: any StorageFile) throws(StoreError) -> Bool {
    if start <= range.lowerBound, range.upperBound <= end { return true }
    if range.count > capacity {
      // A length that a damaged header claims must not decide what is allocated.
      guard try file.size() >= range.upperBound else { return false }
      capacity = max(range.count, chunkBytes)
      unsafe base = realloc(base, capacity)!
    }
    if start <= range.lowerBound, range.lowerBound <= end {
      let dropped = range.lowerBound - start
      // Proof: both ranges lie within the `count` bytes in memory.
      unsafe base.copyMemory(from: base + dropped, byteCount: count - dropped)
      count -= dropped
    } else {
      count = 0
    }
    start = range.lowerBound
    // Proof: `count` never exceeds `capacity`.
    let room = unsafe UnsafeMutableRawBufferPointer(start: base + count, count: capacity - count)
    count += unsafe try file.read(into: room, at: start + count)
    return range.upperBound <= end
  }

  /// Bytes that were loaded.
  @_lifetime(borrow self)
  package func bytes(_ range: Range<Int>) -> RawSpan {
    precondition(start <= range.lowerBound && range.upperBound <= end)
    // Proof: the range lies within the bytes in memory, which live and stay while `self` is borrowed.
    let span = unsafe RawSpan(_unsafeStart: base + (range.lowerBound - start), byteCount: range.count)
    return unsafe _overrideLifetime(span, borrowing: self)
  }
}
