internal import Glibc

/// Bytes that grow at the end and are used again: what codecs and record encoders write into.
///
/// Amortized O(1) per appended byte; ``removeAll()`` keeps the storage.
@safe
public struct ByteBuffer: ~Copyable {
  @usableFromInline var base: UnsafeMutableRawPointer
  @usableFromInline var capacity: Int
  /// How many bytes it holds.
  public private(set) var count: Int

  /// Makes an empty buffer with room for `capacity` bytes.
  public init(capacity: Int = 256) {
    self.capacity = max(capacity, 16)
    count = 0
    unsafe base = malloc(self.capacity)!
  }

  deinit { unsafe free(base) }

  /// The bytes, for as long as the buffer is borrowed.
  public var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      // Proof: `base` holds `count` initialized bytes and lives as long as the borrow of `self`.
      let span = unsafe RawSpan(_unsafeStart: base, byteCount: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Calls `body` with the bytes: for buffers in an object, whose bytes can't leave one access.
  public func withBytes<R: ~Copyable, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R { try body(bytes) }

  /// Empties it and keeps the storage.
  public mutating func removeAll() { count = 0 }

  /// Drops what was appended beyond the first `count` bytes.
  public mutating func truncate(to count: Int) {
    precondition(count >= 0 && count <= self.count)
    self.count = count
  }

  /// Makes room for `extra` more bytes.
  public mutating func reserve(_ extra: Int) {
    let needed = count + extra
    if needed <= capacity { return }
    capacity = max(needed, capacity * 2)
    unsafe base = realloc(base, capacity)!
  }

  /// Appends one byte.
  public mutating func append(_ byte: UInt8) {
    reserve(1)
    unsafe base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
    count += 1
  }

  /// Appends bytes.
  public mutating func append(_ bytes: RawSpan) {
    reserve(bytes.byteCount)
    unsafe bytes.withUnsafeBytes { source in
      // Proof: `reserve` made room for `source.count` bytes beyond `count`.
      if let start = source.baseAddress { unsafe (base + count).copyMemory(from: start, byteCount: source.count) }
    }
    count += bytes.byteCount
  }

  /// Appends the UTF-8 of a string.
  public mutating func append(utf8 string: String) {
    var string = string
    string.withUTF8 { utf8 in
      reserve(utf8.count)
      if let start = utf8.baseAddress { unsafe (base + count).copyMemory(from: start, byteCount: utf8.count) }
      count += utf8.count
    }
  }

  /// Appends an integer, most significant byte first.
  public mutating func append<T: FixedWidthInteger & BitwiseCopyable>(bigEndian value: T) {
    reserve(MemoryLayout<T>.size)
    unsafe base.storeBytes(of: value.bigEndian, toByteOffset: count, as: T.self)
    count += MemoryLayout<T>.size
  }

  /// Overwrites bytes at `position` with an integer, most significant byte first.
  public mutating func set<T: FixedWidthInteger & BitwiseCopyable>(bigEndian value: T, at position: Int) {
    precondition(position >= 0 && position + MemoryLayout<T>.size <= count)
    unsafe base.storeBytes(of: value.bigEndian, toByteOffset: position, as: T.self)
  }

  /// Lets `body` fill up to `room` bytes at the end; it returns how many it wrote.
  public mutating func append<E: Error>(
    upTo room: Int, _ body: (UnsafeMutableRawBufferPointer) throws(E) -> Int
  ) throws(E) {
    reserve(room)
    let written = unsafe try body(UnsafeMutableRawBufferPointer(start: base + count, count: room))
    precondition(written >= 0 && written <= room)
    count += written
  }
}

// Proof: a unique owner of its memory; nothing is shared.
extension ByteBuffer: @unchecked Sendable {}
