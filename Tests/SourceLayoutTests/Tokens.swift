/// A word or a sign of Swift source: no comments and no text of string literals, but the code interpolated into them.
struct Token: Equatable {
  let text: String
  let line: Int

  var isWord: Bool { text.first.map { $0 == "_" || $0 == "`" || $0.isLetter } ?? false }
}

/// Splits Swift source into tokens.
struct Tokenizer {
  private let source: [UInt8]
  private var position = 0
  private var line = 1
  private var tokens: [Token] = []

  static func tokens(of source: String) -> [Token] {
    var tokenizer = Tokenizer(source: Array(source.utf8))
    tokenizer.readCode(until: nil)
    return tokenizer.tokens
  }

  private init(source: [UInt8]) { self.source = source }

  private var current: UInt8? { position < source.count ? source[position] : nil }

  private func startsWith(_ text: StaticString) -> Bool {
    let bytes = Array(text.description.utf8)
    return source[position...].starts(with: bytes)
  }

  private mutating func advance(_ count: Int = 1) {
    for _ in 0..<count {
      if current == UInt8(ascii: "\n") { line += 1 }
      position += 1
    }
  }

  /// Reads up to the end, or to the parenthesis that ends an interpolation.
  private mutating func readCode(until end: UInt8?) {
    var depth = 0
    while let byte = current {
      if byte == end, depth == 0 { return }
      if byte == UInt8(ascii: "(") { depth += 1 }
      if byte == UInt8(ascii: ")") { depth -= 1 }
      if startsWith("//") {
        while let byte = current, byte != UInt8(ascii: "\n") { advance() }
      } else if startsWith("/*") {
        skipBlockComment()
      } else if let marks = marksOfString() {
        readString(marks)
      } else if Self.isWordByte(byte) {
        readWord()
      } else {
        if byte > UInt8(ascii: " ") {
          tokens.append(Token(text: String(decoding: [byte], as: UTF8.self), line: line))
        }
        advance()
      }
    }
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
      true
    default: false
    }
  }

  private mutating func readWord() {
    let start = position
    while let byte = current, Self.isWordByte(byte) { advance() }
    tokens.append(Token(text: String(decoding: source[start..<position], as: UTF8.self), line: line))
  }

  /// Skips a comment and the comments nested in it.
  private mutating func skipBlockComment() {
    var depth = 0
    repeat {
      if startsWith("/*") {
        depth += 1
        advance(2)
      } else if startsWith("*/") {
        depth -= 1
        advance(2)
      } else {
        advance()
      }
    } while depth > 0 && current != nil
  }

  /// The number of `#` signs before a string literal that begins here; `nil` if none does.
  private func marksOfString() -> Int? {
    var place = position
    while place < source.count, source[place] == UInt8(ascii: "#") { place += 1 }
    guard place < source.count, source[place] == UInt8(ascii: "\"") else { return nil }
    return place - position
  }

  private mutating func readString(_ marks: Int) {
    advance(marks)
    let isLong = startsWith("\"\"\"")
    advance(isLong ? 3 : 1)
    let hashes = [UInt8](repeating: UInt8(ascii: "#"), count: marks)
    let end = [UInt8](repeating: UInt8(ascii: "\""), count: isLong ? 3 : 1) + hashes
    let escape = [UInt8(ascii: "\\")] + hashes
    while current != nil {
      if source[position...].starts(with: end) { return advance(end.count) }
      if source[position...].starts(with: escape) {
        advance(escape.count)
        if current == UInt8(ascii: "(") {
          advance()
          readCode(until: UInt8(ascii: ")"))
        }
      }
      if current != nil { advance() }
    }
  }
}
