extension RawSpan {
  /// The index of the first byte in `start..<end` that isn't UTF-8, or starts a sequence that isn't; `nil` if none.
  ///
  /// Well-formed sequences are those of table 3-7 of the Unicode standard: neither surrogates nor overlong forms.
  func firstInvalidUTF8(from start: Int, to end: Int) -> Int? {
    var at = start
    while at < end {
      if at &+ 8 <= end, word(at) & highBits == 0 {
        at &+= 8
        continue
      }
      let length = lengthOfUTF8(at: at, to: end)
      if length <= 0 { return at }
      at += length
    }
    return nil
  }

  /// How many bytes the well-formed sequence at `index` takes; if there is none, the negated number of bytes (at least
  /// one) that one replacement character stands for.
  func lengthOfUTF8(at index: Int, to end: Int) -> Int {
    let first = byte(index)
    let length: Int
    // Only the second byte's range depends on the first.
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch first {
    case 0x00...0x7F: return 1
    case 0xC2...0xDF: length = 2
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: length = 3
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: length = 4
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    default: return -1
    }
    for place in 1..<length {
      guard index + place < end, (place == 1 ? second : 0x80...0xBF).contains(byte(index + place)) else {
        return -place
      }
    }
    return length
  }
}
