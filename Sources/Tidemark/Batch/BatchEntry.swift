internal import CIntrinsics
internal import Glibc

// A changed key, in an arena. Integers are in the machine's order.
//
// | at | bytes | field |
// |---|---|---|
// | 0 | 8 | address of the value |
// | 8 | 4 | length of the value |
// | 12 | 4 | length of the key |
// | 16 | 2 | by how much longer a value may be in its place; 65,535 also where it is more |
// | 18 | 1 | state: 0 value, 1 deleted, 2 dropped by a rollback |
// | 19 | … | the key, and behind it the first value |

/// A changed key and its value, in the arena of a batch.
///
/// Only the batch makes and keeps them: they are good until it takes the memory back.
@safe
struct BatchEntry: BitwiseCopyable {
  /// What the batch says about the key.
  enum State: UInt8 {
    case value = 0
    case deleted = 1
    case dropped = 2
  }

  private static let headerBytes = 19

  /// What an entry takes with `count` bytes of key and value, in one piece or two.
  static func greatestBytes(_ count: Int) -> Int { headerBytes + count + 2 * 7 }

  private let base: UnsafeMutableRawPointer

  /// Adds a key without a value to an arena, with room for one.
  @inline(__always)
  init(_ key: UnsafeRawBufferPointer, valueRoom: Int, in arena: inout Arena) {
    unsafe base = arena.allocate(Self.headerBytes + key.count + valueRoom)
    let keyStart = unsafe base + Self.headerBytes
    if let bytes = key.baseAddress { unsafe keyStart.copyMemory(from: bytes, byteCount: key.count) }
    unsafe base.storeBytes(of: keyStart + key.count, as: UnsafeMutableRawPointer.self)
    unsafe base.storeBytes(of: UInt32(valueRoom), toByteOffset: 8, as: UInt32.self)
    unsafe base.storeBytes(of: UInt32(key.count), toByteOffset: 12, as: UInt32.self)
    unsafe base.storeBytes(of: 0, toByteOffset: 16, as: UInt16.self)
    unsafe base.storeBytes(of: State.deleted.rawValue, toByteOffset: 18, as: UInt8.self)
  }

  /// Asks for its memory, as far as small keys and values go.
  @inline(__always)
  func prefetch() { for line in 0..<3 { unsafe tidemark_prefetch(base + 64 * line) } }

  var state: State {
    @inline(__always) get { unsafe State(rawValue: base.load(fromByteOffset: 18, as: UInt8.self))! }
    nonmutating set { unsafe base.storeBytes(of: newValue.rawValue, toByteOffset: 18, as: UInt8.self) }
  }

  /// The key's bytes.
  var key: UnsafeRawBufferPointer {
    @inline(__always)
    get {
      unsafe UnsafeRawBufferPointer(
        start: base + Self.headerBytes, count: Int(base.load(fromByteOffset: 12, as: UInt32.self)))
    }
  }

  /// Below 0, 0 or above 0, as its key is less than another's, the same, or greater.
  func compareKeys(_ other: BatchEntry) -> Int {
    // Proof: both entries' memory is there during the call.
    unsafe RawSpan(_unsafeBytes: key).compare(RawSpan(_unsafeBytes: other.key))
  }

  /// Where a value lies, and how much room it has there.
  @safe
  struct Place: BitwiseCopyable {
    fileprivate let start: UnsafeMutableRawPointer
    fileprivate let count: UInt32
    fileprivate let room: UInt16
  }

  var place: Place {
    get {
      unsafe Place(
        start: base.load(as: UnsafeMutableRawPointer.self), count: base.load(fromByteOffset: 8, as: UInt32.self),
        room: base.load(fromByteOffset: 16, as: UInt16.self))
    }
    nonmutating set {
      unsafe base.storeBytes(of: newValue.start, as: UnsafeMutableRawPointer.self)
      unsafe base.storeBytes(of: newValue.count, toByteOffset: 8, as: UInt32.self)
      unsafe base.storeBytes(of: newValue.room, toByteOffset: 16, as: UInt16.self)
    }
  }

  /// The value's bytes, where there is one.
  var value: UnsafeRawBufferPointer {
    @inline(__always)
    get {
      unsafe UnsafeRawBufferPointer(
        start: base.load(as: UnsafeMutableRawPointer.self), count: Int(base.load(fromByteOffset: 8, as: UInt32.self)))
    }
  }

  /// Sets the value: in its place if there is room and `inPlace`, else in a new one.
  @inline(__always)
  func set(_ value: UnsafeRawBufferPointer, inPlace: Bool, in arena: inout Arena) {
    var room = unsafe Int(base.load(fromByteOffset: 8, as: UInt32.self))
    room += unsafe Int(base.load(fromByteOffset: 16, as: UInt16.self))
    if !inPlace || value.count > room {
      room = (value.count + 7) & ~7
      unsafe base.storeBytes(of: arena.allocate(room), as: UnsafeMutableRawPointer.self)
    }
    if let bytes = value.baseAddress {
      unsafe base.load(as: UnsafeMutableRawPointer.self).copyMemory(from: bytes, byteCount: value.count)
    }
    unsafe base.storeBytes(of: UInt32(value.count), toByteOffset: 8, as: UInt32.self)
    unsafe base.storeBytes(of: UInt16(clamping: room - value.count), toByteOffset: 16, as: UInt16.self)
    state = .value
  }
}

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
