internal import Glibc

/// Bytes that grow at the end and are used again: what codecs and record encoders write into.
///
/// Amortized O(1) per appended byte; ``removeAll()`` keeps the storage.
@safe
public struct ByteWriter: ~Copyable {
  @usableFromInline var base: UnsafeMutableRawPointer
  @usableFromInline var capacity: Int
  @usableFromInline var length = 0

  /// Makes an empty buffer with room for `capacity` bytes.
  public init(capacity: Int = 256) {
    self.capacity = max(capacity, 16)
    unsafe base = malloc(self.capacity)!
  }

  deinit { unsafe free(base) }

  /// How many bytes it holds.
  @inlinable
  public var count: Int { length }

  /// The bytes, for as long as the buffer is borrowed.
  @inlinable
  public var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      // Proof: `base` holds `count` initialized bytes and lives as long as the borrow of `self`.
      let span = unsafe RawSpan(_unsafeStart: base, byteCount: length)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Calls `body` with the bytes: for buffers in an object, whose bytes can't leave one access.
  @inlinable
  public func withBytes<R: ~Copyable, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R { try body(bytes) }

  /// Empties it and keeps the storage.
  @inlinable
  public mutating func removeAll() { length = 0 }

  /// Drops what was appended beyond the first `count` bytes.
  public mutating func truncate(to count: Int) {
    precondition(count >= 0 && count <= length)
    length = count
  }

  /// Makes room for `extra` more bytes.
  @inlinable
  public mutating func reserve(_ extra: Int) { if extra > capacity - length { grow(extra) } }

  @usableFromInline @inline(never)
  mutating func grow(_ extra: Int) {
    capacity = max(length + extra, capacity * 2)
    unsafe base = realloc(base, capacity)!
  }

  /// Appends one byte.
  @inlinable
  public mutating func append(_ byte: UInt8) {
    reserve(1)
    unsafe base.storeBytes(of: byte, toByteOffset: length, as: UInt8.self)
    length += 1
  }

  /// Appends bytes.
  @inlinable
  public mutating func append(_ bytes: RawSpan) {
    reserve(bytes.byteCount)
    unsafe bytes.withUnsafeBytes { source in
      // Proof: `reserve` made room for `source.count` bytes beyond `count`.
      if let start = source.baseAddress { unsafe (base + length).copyMemory(from: start, byteCount: source.count) }
    }
    length += bytes.byteCount
  }

  /// Appends the UTF-8 of a string.
  @inlinable
  public mutating func append(utf8 string: String) {
    var string = string
    string.withUTF8 { utf8 in
      reserve(utf8.count)
      if let start = utf8.baseAddress { unsafe (base + length).copyMemory(from: start, byteCount: utf8.count) }
      length += utf8.count
    }
  }

  /// Appends an integer, most significant byte first.
  @inlinable
  public mutating func append<T: FixedWidthInteger & BitwiseCopyable>(bigEndian value: T) {
    reserve(MemoryLayout<T>.size)
    unsafe base.storeBytes(of: value.bigEndian, toByteOffset: length, as: T.self)
    length += MemoryLayout<T>.size
  }

  /// Overwrites bytes at `position` with an integer, most significant byte first.
  public mutating func set<T: FixedWidthInteger & BitwiseCopyable>(bigEndian value: T, at position: Int) {
    precondition(position >= 0 && position + MemoryLayout<T>.size <= length)
    unsafe base.storeBytes(of: value.bigEndian, toByteOffset: position, as: T.self)
  }

  /// Lets `body` fill up to `room` bytes at the end; it returns how many it wrote.
  public mutating func append<E: Error>(
    upTo room: Int, _ body: (UnsafeMutableRawBufferPointer) throws(E) -> Int
  ) throws(E) {
    reserve(room)
    let written = unsafe try body(UnsafeMutableRawBufferPointer(start: base + length, count: room))
    precondition(written >= 0 && written <= room)
    length += written
  }
}

// Proof: a unique owner of its memory; nothing is shared.
extension ByteWriter: @unchecked Sendable {}
