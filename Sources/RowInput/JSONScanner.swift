/// What is wrong with a JSON text, and at which byte of the span.
struct JSONFault: Error, Equatable {
  var what: String
  var place: Int
}

/// Finds the values of one JSON object (RFC 8259) on a line of its own, and checks all of it.
struct JSONScanner: ~Escapable {
  /// The greatest nesting of arrays and objects; a deeper line is refused.
  static let greatestDepth = 256

  private let bytes: RawSpan
  private var at: Int
  private let end: Int

  /// Reads the line `start..<end`.
  @_lifetime(copy bytes)
  init(_ bytes: RawSpan, from start: Int, to end: Int) {
    self.bytes = bytes
    at = start
    self.end = end
  }

  /// Puts the value of each column into `fields`, under the column's index; a key without a value is absent.
  mutating func scan(columns: ColumnTable, into fields: inout FieldList) throws(JSONFault) {
    fields.setAllAbsent()
    try members { (scanner, key, form) throws(JSONFault) in
      let place = scanner.at
      let column = scanner.column(key, form, columns)
      let value = try scanner.value(depth: 1)
      guard let column else { return }
      // `null` keeps its own mark until the row is complete; otherwise a repeated key would pass.
      guard fields[column] == .absent else { throw JSONFault(what: "a key appears twice", place: place) }
      fields[column] = value
    }
  }

  /// The keys, in order.
  mutating func keys() throws(JSONFault) -> [String] {
    var keys: [String] = []
    try members { (scanner, key, form) throws(JSONFault) in
      keys.append(scanner.text(key, form))
      _ = try scanner.value(depth: 1)
    }
    return keys
  }

  /// Passes each key of the object to `body`, which reads the value.
  private mutating func members(
    _ body: (inout JSONScanner, Range<Int>, FieldRange.Form) throws(JSONFault) -> Void
  ) throws(JSONFault) {
    skipSpace()
    guard current == Byte.openBrace else { throw fault("expected a JSON object") }
    try object(body)
    skipSpace()
    guard at == end else { throw fault("expected the end of the line after the object") }
  }

  private func column(_ key: Range<Int>, _ form: FieldRange.Form, _ columns: ColumnTable) -> Int? {
    if form == .quoted { return columns.index(of: bytes.extracting(key)) }
    return columns.index(of: Array(text(key, form).utf8).rawBytes)
  }

  private func text(_ key: Range<Int>, _ form: FieldRange.Form) -> String {
    var text = key.map { bytes.byte($0) }
    if form == .escaped {
      // Proof: the scanner found the key's escapes complete.
      let count = unsafe text.withUnsafeMutableBytes { unsafe unescapeJSON($0) }
      text.removeSubrange(count...)
    }
    return String(decoding: text, as: UTF8.self)
  }

  // MARK: Values

  /// Takes the value at the current place.
  private mutating func value(depth: Int) throws(JSONFault) -> FieldRange {
    let start = at
    switch current {
    case Byte.quote:
      let form = try string()
      return FieldRange(start: start + 1, end: at - 1, form: form)
    case Byte.openBrace:
      guard depth < Self.greatestDepth else { throw fault("nested too deeply") }
      try object { (scanner, _, _) throws(JSONFault) in _ = try scanner.value(depth: depth + 1) }
    case Byte.openBracket:
      guard depth < Self.greatestDepth else { throw fault("nested too deeply") }
      try array(depth: depth + 1)
    case UInt8(ascii: "t"): try literal("true")
    case UInt8(ascii: "f"): try literal("false")
    case UInt8(ascii: "n"):
      try literal("null")
      return FieldRange(start: at, end: at, form: .absent)
    case .some(Byte.minus), .some(Byte.zero...Byte.nine): try number()
    default: throw fault("expected a value")
    }
    return FieldRange(start: start, end: at, form: .bare)
  }

  private mutating func object(
    _ body: (inout JSONScanner, Range<Int>, FieldRange.Form) throws(JSONFault) -> Void
  ) throws(JSONFault) {
    at += 1
    skipSpace()
    if take(Byte.closeBrace) { return }
    while true {
      let start = at
      guard current == Byte.quote else { throw fault("expected a key in quotes") }
      let form = try string()
      let key = start + 1..<at - 1
      skipSpace()
      guard take(Byte.colon) else { throw fault("expected \":\"") }
      skipSpace()
      try body(&self, key, form)
      skipSpace()
      if take(Byte.closeBrace) { return }
      guard take(Byte.comma) else { throw fault("expected \",\" or \"}\"") }
      skipSpace()
    }
  }

  private mutating func array(depth: Int) throws(JSONFault) {
    at += 1
    skipSpace()
    if take(Byte.closeBracket) { return }
    while true {
      _ = try value(depth: depth)
      skipSpace()
      if take(Byte.closeBracket) { return }
      guard take(Byte.comma) else { throw fault("expected \",\" or \"]\"") }
      skipSpace()
    }
  }

  private mutating func literal(_ text: StaticString) throws(JSONFault) {
    // Proof: a static string is UTF-8 bytes that live forever.
    for index in 0..<text.utf8CodeUnitCount {
      let expected = unsafe text.utf8Start[index]
      guard current(index) == expected else { throw fault("expected a value") }
    }
    at += text.utf8CodeUnitCount
  }

  private mutating func number() throws(JSONFault) {
    _ = take(Byte.minus)
    if !take(Byte.zero) { try digits() }
    if take(Byte.point) { try digits() }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      if !take(Byte.plus) { _ = take(Byte.minus) }
      try digits()
    }
    if let next = current, Byte.zero...Byte.nine ~= next { throw fault("a number starts with 0") }
  }

  private mutating func digits() throws(JSONFault) {
    guard let first = current, Byte.zero...Byte.nine ~= first else { throw fault("expected a digit") }
    while let next = current, Byte.zero...Byte.nine ~= next { at += 1 }
  }

  // MARK: Strings

  /// Takes the string whose quote is the current byte.
  private mutating func string() throws(JSONFault) -> FieldRange.Form {
    let start = at
    var form = FieldRange.Form.quoted
    at += 1
    while at < end {
      let word = bytes.word(at)
      let hits =
        matches(word, repeated(Byte.quote)) | matches(word, repeated(Byte.backslash)) | controlBytes(word)
      if hits == 0 {
        at &+= 8
        continue
      }
      at &+= hits.trailingZeroBitCount >> 3
      guard at < end else { break }
      switch bytes.byte(at) {
      case Byte.quote:
        at += 1
        return form
      case Byte.backslash:
        form = .escaped
        try escape()
      default: throw fault("a control character in a string")
      }
    }
    at = start
    throw fault("unclosed string")
  }

  private mutating func escape() throws(JSONFault) {
    switch current(1) {
    case Byte.quote, Byte.backslash, UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
      UInt8(ascii: "r"), UInt8(ascii: "t"):
      at += 2
    case UInt8(ascii: "u"):
      let unit = try codeUnit()
      if 0xDC00...0xDFFF ~= unit { throw fault("a lone surrogate") }
      at += 6
      guard 0xD800...0xDBFF ~= unit else { return }
      guard current == Byte.backslash, current(1) == UInt8(ascii: "u"), 0xDC00...0xDFFF ~= (try codeUnit()) else {
        at -= 6
        throw fault("a lone surrogate")
      }
      at += 6
    default: throw fault("an unknown escape")
    }
  }

  /// The value of the `\uXXXX` at the current place.
  private func codeUnit() throws(JSONFault) -> UInt32 {
    var unit: UInt32 = 0
    for place in 2..<6 {
      guard let digit = current(place).flatMap(hexValue) else { throw fault("expected four hexadecimal digits") }
      unit = unit << 4 | digit
    }
    return unit
  }

  // MARK: Bytes

  private var current: UInt8? { at < end ? bytes.byte(at) : nil }

  private func current(_ distance: Int) -> UInt8? { at + distance < end ? bytes.byte(at + distance) : nil }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard current == byte else { return false }
    at += 1
    return true
  }

  private mutating func skipSpace() {
    while let next = current, next == Byte.space || next == Byte.tab || next == Byte.carriageReturn { at += 1 }
  }

  private func fault(_ what: String) -> JSONFault { JSONFault(what: what, place: at) }
}

/// Finds the values of the wanted columns in one line of a window.
func scanJSON(
  _ window: borrowing FileWindow, _ line: Range<Int>, _ columns: ColumnTable, into fields: inout FieldList
) throws(JSONFault) {
  var scanner = JSONScanner(window.bytes, from: line.lowerBound, to: line.upperBound)
  try scanner.scan(columns: columns, into: &fields)
}
