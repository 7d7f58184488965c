internal import CChecksum
internal import Glibc

extension [UInt8] {
  /// The bytes, for as long as the array is borrowed.
  @inlinable
  public var rawSpan: RawSpan {
    @_lifetime(borrow self)
    get {
      // Proof: bytes have no padding and no invalid patterns, which is what `bytes` is unsafe for.
      let bytes = unsafe span.bytes
      return unsafe _overrideLifetime(bytes, borrowing: self)
    }
  }
}

extension RawSpan {
  /// One byte; the index is checked.
  package func byte(at index: Int) -> UInt8 {
    precondition(index >= 0 && index < byteCount)
    // Proof: the precondition checked the bounds.
    return unsafe unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
  }

  /// A copy.
  @inlinable
  public var array: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }

  /// Whether both hold the same bytes.
  package func equals(_ other: RawSpan) -> Bool { compare(other) == 0 }

  /// Less than, equal to or greater than 0 as this sorts before, with or after the other.
  package func compare(_ other: RawSpan) -> Int {
    let common = Swift.min(byteCount, other.byteCount)
    if common >= 8 {
      // Most often the first eight bytes tell, without a call. Proof: both have them.
      let (mine, theirs) = unsafe (
        UInt64(bigEndian: unsafeLoadUnaligned(as: UInt64.self)),
        UInt64(bigEndian: other.unsafeLoadUnaligned(as: UInt64.self))
      )
      if mine != theirs { return mine < theirs ? -1 : 1 }
    }
    let order = unsafe withUnsafeBytes { mine in
      unsafe other.withUnsafeBytes { theirs in
        // Proof: both ranges are at least `common` bytes long.
        common == 0 ? 0 : Int(unsafe memcmp(mine.baseAddress!, theirs.baseAddress!, common))
      }
    }
    return order != 0 ? order : byteCount - other.byteCount
  }
}

/// Goes on with a CRC-32C over more bytes.
package func crc32c(_ checksum: UInt32, _ bytes: RawSpan) -> UInt32 {
  unsafe bytes.withUnsafeBytes { buffer in
    // Proof: the pointer is valid for the count; without bytes nothing is read.
    guard let start = buffer.baseAddress else { return checksum }
    return unsafe tidemark_crc32c(checksum, start, buffer.count)
  }
}

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

// Variable-length integers: 7 bits a byte, least significant group first, the high bit marks that more follow
// (Protocol Buffers' encoding; Kafka's records use it with zigzag for signed values).

extension ByteWriter {
  /// Appends an unsigned varint: 1 to 10 bytes.
  @inlinable
  public mutating func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(rest))
  }

  /// Appends a zigzag varint (0, -1, 1, -2 → 0, 1, 2, 3), as Kafka's records have it.
  @inlinable
  public mutating func append(zigzag value: Int64) {
    append(varint: UInt64(bitPattern: (value << 1) ^ (value >> 63)))
  }
}

/// How many bytes an unsigned varint takes.
@inlinable
package func varintLength(_ value: UInt64) -> Int {
  max(1, (UInt64.bitWidth - value.leadingZeroBitCount + 6) / 7)
}

/// How many bytes a zigzag varint takes.
@inlinable
package func zigzagLength(_ value: Int64) -> Int {
  varintLength(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
}

/// Reads fields one after the other from bytes; every read is checked, and `nil` says that the bytes end or don't fit.
public struct ByteReader: ~Escapable {
  /// What is read.
  public let bytes: RawSpan
  /// Where the next field starts.
  @inlinable
  public var position: Int { next }
  @usableFromInline var next = 0

  /// Reads from the start of `bytes`.
  @_lifetime(copy bytes)
  @inlinable
  public init(_ bytes: RawSpan) {
    self.bytes = bytes
  }

  /// How many bytes are left.
  @inlinable
  public var remaining: Int { bytes.byteCount - next }

  /// The next integer, most significant byte first.
  @inlinable
  public mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type = T.self) -> T? {
    guard remaining >= MemoryLayout<T>.size else { return nil }
    // Proof: the guard checked the bounds, and any bits are a value of an integer type.
    let value = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: next, as: T.self)
    next += MemoryLayout<T>.size
    return T(bigEndian: value)
  }

  /// The next unsigned varint; `nil` also if it takes more than 10 bytes.
  @inlinable
  public mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    var at = next
    while at < bytes.byteCount, shift < 64 {
      // Proof: the loop checked the bounds.
      let byte = unsafe bytes.unsafeLoad(fromUncheckedByteOffset: at, as: UInt8.self)
      at += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 {
        if shift == 63, byte > 1 { return nil }
        next = at
        return value
      }
      shift += 7
    }
    return nil
  }

  /// The next zigzag varint.
  @inlinable
  public mutating func zigzag() -> Int64? {
    guard let raw = varint() else { return nil }
    return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
  }

  /// The next `count` bytes.
  @_lifetime(copy self)
  @inlinable
  public mutating func take(_ count: Int) -> RawSpan? {
    guard count >= 0, count <= remaining else { return nil }
    let field = bytes.extracting(next..<next + count)
    next += count
    return field
  }

  /// The next `count` bytes as text; `nil` also if they aren't UTF-8.
  @inlinable
  public mutating func string(_ count: Int) -> String? {
    guard let field = take(count) else { return nil }
    return String(utf8: field)
  }
}

extension String {
  /// The text of UTF-8 bytes, copied; `nil` if they aren't UTF-8.
  @inlinable
  public init?(utf8 bytes: RawSpan) {
    let text: String? = unsafe bytes.withUnsafeBytes { unsafe String(validating: $0, as: UTF8.self) }
    guard let text else { return nil }
    self = text
  }
}
