internal import CChecksum

/// CRC-32C of the bytes read so far of an input: it tells whether a file still begins with these bytes.
package struct ContentChecksum: Sendable, Hashable {
  /// How many bytes the checksum covers.
  package private(set) var byteCount: Int
  /// The CRC-32C of these bytes.
  package private(set) var crc: UInt32

  /// The checksum of a former reader; without arguments, of no bytes.
  package init(byteCount: Int = 0, crc: UInt32 = 0) {
    self.byteCount = byteCount
    self.crc = crc
  }

  /// Adds the bytes that follow.
  mutating func add(_ bytes: RawSpan) {
    if bytes.byteCount == 0 { return }
    // Proof: the call only reads the bytes, which live until it returns.
    crc = unsafe bytes.withUnsafeBytes { unsafe tidemark_crc32c(crc, $0.baseAddress!, $0.count) }
    byteCount += bytes.byteCount
  }

  /// The checksum of the first `byteCount` bytes of an input; of all its bytes if it has fewer.
  package static func ofStart(of path: String, byteCount: Int) throws(InputError) -> ContentChecksum {
    var window = try FileWindow(path: path, bufferBytes: 1 << 20)
    var checksum = ContentChecksum()
    do {
      while checksum.byteCount < byteCount {
        if try window.fill(dropping: window.count) == 0 { break }
        checksum.add(window.bytes.extracting(first: min(window.count, byteCount - checksum.byteCount)))
      }
    } catch { throw InputError(.init(errno: error.code), file: path) }
    return checksum
  }
}

extension RowReader {
  /// The checksum of all bytes before a place, which is ``position`` or ``row``; `nil` if the reader resumed in the
  /// middle without a checksum.
  package mutating func contentChecksum(before place: RowPosition) -> ContentChecksum? {
    if place == position {
      addToChecksum(upTo: cursor)
      return checksum
    }
    guard var sum = checksum else { return nil }
    let (start, end) = (sum.byteCount - window.offset, place.offset - window.offset)
    if start <= end { sum.add(window.bytes.extracting(start..<end)) } else { sum = checksumBeforeRow ?? sum }
    return sum.byteCount == place.offset ? sum : nil
  }

  /// Adds a row before its escapes are replaced, which changes the window.
  mutating func prepareChecksumForUnescaping(upTo end: Int) {
    if let sum = checksum, sum.byteCount >= window.offset + end { return }
    addToChecksum(upTo: cursor)
    checksumBeforeRow = checksum
    addToChecksum(upTo: end)
  }

  /// Adds the window's bytes before `end`, which must still be as in the file.
  mutating func addToChecksum(upTo end: Int) {
    guard var sum = checksum else { return }
    let start = sum.byteCount - window.offset
    if end > start { sum.add(window.bytes.extracting(start..<end)) }
    checksum = sum
  }
}
