internal import CChecksum

/// Goes on with a CRC-32C over more bytes.
package func crc32c(_ checksum: UInt32, _ bytes: RawSpan) -> UInt32 {
  unsafe bytes.withUnsafeBytes { buffer in
    // Proof: the pointer is valid for the count; without bytes nothing is read.
    guard let start = buffer.baseAddress else { return checksum }
    return unsafe tidemark_crc32c(checksum, start, buffer.count)
  }
}
