// Eight bytes at a time: a word is loaded so that its least significant byte is the first, and a match is the high bit
// of each byte that matches. The test for a zero byte is the exact one (no borrow runs into the next byte): Warren,
// "Hacker's Delight", 2nd edition, section 6-1.

extension RawSpan {
  /// The byte at `index`.
  @inline(__always)
  func byte(_ index: Int) -> UInt8 {
    // Proof: the load checks the bounds, and any bits are a byte.
    unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self)
  }

  /// The eight bytes from `index` on, padded with zeros after the end.
  @inline(__always)
  func word(_ index: Int) -> UInt64 {
    if index &+ 8 <= byteCount {
      // Proof: the load checks the bounds, and any bits are an integer.
      return UInt64(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
    }
    return lastWord(index)
  }

  @inline(never)
  private func lastWord(_ index: Int) -> UInt64 {
    var word: UInt64 = 0
    for at in index..<byteCount { word |= UInt64(byte(at)) << UInt64((at - index) * 8) }
    return word
  }

  /// The index of the first `wanted` in `start..<end`.
  func firstIndex(of wanted: UInt8, from start: Int, to end: Int) -> Int? {
    let pattern = repeated(wanted)
    var at = start
    while at < end {
      let hits = matches(word(at), pattern)
      if hits != 0 {
        let found = at + hits.trailingZeroBitCount >> 3
        return found < end ? found : nil
      }
      at += 8
    }
    return nil
  }

  /// The number of `wanted` bytes in `start..<end`.
  func count(of wanted: UInt8, from start: Int, to end: Int) -> Int {
    (start..<end).reduce(0) { $0 + (byte($1) == wanted ? 1 : 0) }
  }

  /// Whether all bytes in `start..<end` are ASCII.
  func isASCII(from start: Int, to end: Int) -> Bool {
    var bits: UInt64 = 0
    var at = start
    while at &+ 8 <= end {
      bits |= word(at)
      at &+= 8
    }
    while at < end {
      bits |= UInt64(byte(at))
      at &+= 1
    }
    return bits & highBits == 0
  }
}

extension [UInt8] {
  /// The bytes, for as long as the array is borrowed.
  var rawBytes: RawSpan {
    @_lifetime(borrow self)
    // Proof: every byte of a `UInt8` is initialized.
    get { unsafe span.bytes }
  }
}

/// The high bit of each byte.
let highBits: UInt64 = 0x8080_8080_8080_8080

/// A word of eight times the same byte.
@inline(__always)
func repeated(_ byte: UInt8) -> UInt64 { UInt64(byte) &* 0x0101_0101_0101_0101 }

/// The high bit of each byte of `word` that equals that of `pattern`.
@inline(__always)
func matches(_ word: UInt64, _ pattern: UInt64) -> UInt64 {
  let difference = word ^ pattern
  return ~(((difference & ~highBits) &+ ~highBits) | difference) & highBits
}

/// The high bit of each byte of `word` below 0x20.
@inline(__always)
func controlBytes(_ word: UInt64) -> UInt64 {
  ~((word | highBits) &- repeated(0x20)) & ~word & highBits
}

/// The bytes that mean something to the formats.
enum Byte {
  static let tab = UInt8(ascii: "\t")
  static let newline = UInt8(ascii: "\n")
  static let carriageReturn = UInt8(ascii: "\r")
  static let space = UInt8(ascii: " ")
  static let quote = UInt8(ascii: "\"")
  static let comma = UInt8(ascii: ",")
  static let backslash = UInt8(ascii: "\\")
  static let openBrace = UInt8(ascii: "{")
  static let closeBrace = UInt8(ascii: "}")
  static let openBracket = UInt8(ascii: "[")
  static let closeBracket = UInt8(ascii: "]")
  static let colon = UInt8(ascii: ":")
  static let minus = UInt8(ascii: "-")
  static let plus = UInt8(ascii: "+")
  static let point = UInt8(ascii: ".")
  static let zero = UInt8(ascii: "0")
  static let nine = UInt8(ascii: "9")
}
