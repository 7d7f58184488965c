// JSON strings (RFC 8259, section 7), in both directions.

/// Appends UTF-8 bytes as a JSON string, with its quotes.
///
/// Escapes quotes, backslashes and control characters; everything else stays UTF-8. Bytes that aren't UTF-8 become
/// U+FFFD, so that the result is always valid.
package func appendJSONString(_ bytes: RawSpan, to output: inout [UInt8]) {
  output.reserveCapacity(output.count + bytes.byteCount + 2)
  output.append(Byte.quote)
  var at = 0
  while at < bytes.byteCount {
    let plain = bytes.plainBytes(from: at)
    if plain > 0 {
      // Proof: the bytes are used only inside the closure.
      unsafe bytes.extracting(at..<at + plain).withUnsafeBytes { unsafe output.append(contentsOf: $0) }
      at += plain
    } else if bytes.byte(at) < 0x80 {
      appendEscape(of: bytes.byte(at), to: &output)
      at += 1
    } else {
      output.append(contentsOf: [0xEF, 0xBF, 0xBD])
      at -= bytes.lengthOfUTF8(at: at, to: bytes.byteCount)
    }
  }
  output.append(Byte.quote)
}

extension RawSpan {
  /// How many bytes from `start` on stand for themselves in a JSON string.
  fileprivate func plainBytes(from start: Int) -> Int {
    var at = start
    while at < byteCount {
      let word = word(at)
      let special =
        matches(word, repeated(Byte.quote)) | matches(word, repeated(Byte.backslash)) | controlBytes(word)
        | word & highBits
      if special == 0, at + 8 <= byteCount {
        at += 8
        continue
      }
      at = min(at + special.trailingZeroBitCount >> 3, byteCount)
      guard at < byteCount, byte(at) >= 0x80 else { break }
      let length = lengthOfUTF8(at: at, to: byteCount)
      if length < 0 { break }
      at += length
    }
    return at - start
  }
}

private func appendEscape(of byte: UInt8, to output: inout [UInt8]) {
  switch byte {
  case Byte.newline: output.append(contentsOf: "\\n".utf8)
  case Byte.carriageReturn: output.append(contentsOf: "\\r".utf8)
  case Byte.tab: output.append(contentsOf: "\\t".utf8)
  case 0x08: output.append(contentsOf: "\\b".utf8)
  case 0x0C: output.append(contentsOf: "\\f".utf8)
  case 0..<0x20:
    let digits: [UInt8] = Array("0123456789abcdef".utf8)
    output.append(contentsOf: "\\u00".utf8)
    output.append(digits[Int(byte >> 4)])
    output.append(digits[Int(byte & 15)])
  default: output.append(contentsOf: [Byte.backslash, byte])
  }
}

/// Replaces the escapes of a JSON string in place; returns how many bytes are left.
///
/// The string must be valid. The result is never longer.
func unescapeJSON(_ bytes: UnsafeMutableRawBufferPointer) -> Int {
  var from = 0
  var to = 0
  // Proof, for all accesses: the buffer checks the bounds in debug builds, and `to <= from < count` holds throughout,
  // because `JSONScanner` found every escape complete.
  while from < bytes.count {
    let byte = unsafe bytes[from]
    from += 1
    guard byte == Byte.backslash else {
      unsafe bytes[to] = byte
      to += 1
      continue
    }
    let escape = unsafe bytes[from]
    from += 1
    guard escape == UInt8(ascii: "u") else {
      unsafe bytes[to] = unescaped(escape)
      to += 1
      continue
    }
    var code = unsafe codeUnit(bytes, at: from)
    from += 4
    if 0xD800...0xDBFF ~= code {
      let low = unsafe codeUnit(bytes, at: from + 2)
      from += 6
      code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
    }
    // Proof: the scanner let no lone surrogate pass, so that every code is a scalar.
    for unit in UTF8.encode(Unicode.Scalar(code) ?? "\u{FFFD}")! {
      unsafe bytes[to] = unit
      to += 1
    }
  }
  return to
}

private func unescaped(_ escape: UInt8) -> UInt8 {
  switch escape {
  case UInt8(ascii: "b"): 0x08
  case UInt8(ascii: "f"): 0x0C
  case UInt8(ascii: "n"): Byte.newline
  case UInt8(ascii: "r"): Byte.carriageReturn
  case UInt8(ascii: "t"): Byte.tab
  default: escape
  }
}

private func codeUnit(_ bytes: UnsafeMutableRawBufferPointer, at index: Int) -> UInt32 {
  var code: UInt32 = 0
  for place in index..<index + 4 { code = unsafe code << 4 | (hexValue(bytes[place]) ?? 0) }
  return code
}

/// The value of a hexadecimal digit.
func hexValue(_ byte: UInt8) -> UInt32? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte) - 0x30
  case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte) - 0x57
  case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte) - 0x37
  default: nil
  }
}
