// | bytes | field |
// |---|---|
// | 1 | scale, 0…36 |
// | 1…19 | mantissa, zigzag (0, -1, 1, -2 → 0, 1, 2, 3), 7 bits a byte, least significant group first, the high bit marks that more follow |
//
// Only lowest terms and the shortest form are valid, so that equal values have equal bytes.

extension ExactDecimal {
  /// Appends 2 to 20 bytes.
  package func encode(into output: inout [UInt8]) {
    output.append(scale)
    var rest = UInt128(truncatingIfNeeded: (mantissa << 1) ^ (mantissa >> 127))
    while rest >= 0x80 {
      output.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    output.append(UInt8(rest))
  }

  /// Reads what ``encode(into:)`` wrote at `index`, and moves `index` after it; `nil`, with `index` unchanged, if the
  /// bytes are something else.
  package init?(decoding bytes: RawSpan, at index: inout Int) {
    guard index >= 0, index < bytes.byteCount, bytes.byte(index) <= Self.greatestScale else { return nil }
    let scale = bytes.byte(index)
    var raw: UInt128 = 0
    var shift = 0
    var at = index + 1
    while true {
      guard at < bytes.byteCount, shift < 128 else { return nil }
      let byte = bytes.byte(at)
      at += 1
      // 18 groups are 126 bits; the last has room for two.
      if shift == 126, byte > 3 { return nil }
      raw |= UInt128(byte & 0x7F) << UInt128(shift)
      if byte < 0x80 {
        if byte == 0, shift > 0 { return nil }
        break
      }
      shift += 7
    }
    let mantissa = Int128(truncatingIfNeeded: raw >> 1) ^ (0 &- Int128(truncatingIfNeeded: raw & 1))
    if scale > 0, mantissa % 10 == 0 { return nil }
    self.init(canonicalMantissa: mantissa, scale: scale)
    index = at
  }
}
