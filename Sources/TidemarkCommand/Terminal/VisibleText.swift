/// A text on one line, safe for terminals: control characters are shown as escapes, as `\\n` or `\\u001b`.
///
/// With `escapingBackslashes` two texts that differ look different.
func visible(_ text: String, escapingBackslashes: Bool = false) -> String {
  // In UTF-8, control characters are bytes below 0x20, the byte 0x7F, or sequences that start with C2 or E2.
  guard text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == 0xC2 || $0 == 0xE2 || $0 == UInt8(ascii: "\\") })
  else { return text }
  var shown = ""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\t": shown += "\\t"
    case "\n": shown += "\\n"
    case "\r": shown += "\\r"
    case "\\" where escapingBackslashes: shown += "\\\\"
    case _ where isControl(scalar):
      let digits = String(scalar.value, radix: 16)
      shown += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    default: shown.unicodeScalars.append(scalar)
    }
  }
  return shown
}

/// Whether a character controls a terminal; includes those that change the direction of writing.
private func isControl(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.value {
  case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069, 0x200E, 0x200F: true
  default: false
  }
}
