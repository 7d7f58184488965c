internal import Glibc

/// Memory that is given out piece by piece, and taken back from the end or all at once.
///
/// Amortized O(1) per piece; pieces never move, and start at a multiple of eight bytes.
@safe
struct Arena: ~Copyable {
  /// Where the pieces end: what is given out later can be taken back.
  struct Mark {
    fileprivate let chunk: Int
    fileprivate let used: Int
    fileprivate let byteCount: Int
  }

  @unsafe private struct Chunk {
    let start: UnsafeMutableRawPointer
    let capacity: Int
  }

  private static let smallestChunk = 8 << 10
  private static let largestChunk = 256 << 10

  private var chunks: [Chunk] = unsafe []
  /// The chunk that pieces come from, those before are full; -1 before the first.
  private var current = -1
  private var next: UnsafeMutableRawPointer?
  private var room = 0
  /// How many bytes are given out.
  private(set) var byteCount = 0

  init() {}

  deinit { freeChunks(from: 0) }

  /// Gives out `count` bytes, uninitialized.
  @inline(__always)
  mutating func allocate(_ count: Int) -> UnsafeMutableRawPointer {
    let count = (count + 7) & ~7
    if count > room { goToNextChunk(atLeast: count) }
    // Proof: `next` is set with `room`, and `room` bytes are left behind it.
    let piece = unsafe next.unsafelyUnwrapped
    unsafe next = piece + count
    room -= count
    byteCount += count
    return unsafe piece
  }

  @inline(never)
  private mutating func goToNextChunk(atLeast count: Int) {
    current += 1
    // One that nothing was taken of since it was taken back, and that is too small.
    if unsafe current < chunks.count && chunks[current].capacity < count {
      unsafe free(chunks.remove(at: current).start)
    }
    if unsafe current == chunks.count || chunks[current].capacity < count {
      let former = unsafe current > 0 ? chunks[current - 1].capacity : Self.smallestChunk / 2
      let capacity = max(count, min(Self.largestChunk, former * 2))
      unsafe chunks.insert(Chunk(start: malloc(capacity)!, capacity: capacity), at: current)
    }
    unsafe next = chunks[current].start
    unsafe room = chunks[current].capacity
  }

  var mark: Mark {
    unsafe Mark(chunk: current, used: current < 0 ? 0 : chunks[current].capacity - room, byteCount: byteCount)
  }

  /// Takes back what was given out since a mark.
  mutating func takeBack(to mark: Mark) {
    current = mark.chunk
    byteCount = mark.byteCount
    unsafe next = current < 0 ? nil : chunks[current].start + mark.used
    unsafe room = current < 0 ? 0 : chunks[current].capacity - mark.used
  }

  /// Takes everything back, and keeps at most `kept` bytes of memory to be given out again.
  mutating func takeBackAll(keeping kept: Int) {
    takeBack(to: Mark(chunk: -1, used: 0, byteCount: 0))
    var capacity = 0
    let keptChunks = unsafe chunks.prefix { chunk in
      unsafe capacity += chunk.capacity
      return capacity <= kept
    }.count
    freeChunks(from: keptChunks)
    unsafe chunks.removeSubrange(keptChunks...)
  }

  private func freeChunks(from index: Int) {
    for index in unsafe index..<chunks.count { unsafe free(chunks[index].start) }
  }
}
