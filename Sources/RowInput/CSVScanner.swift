/// Finds the fields of one CSV row (RFC 4180) among bytes.
///
/// Rows end with LF or CR LF, also mixed; the last one may end with the file. A quote counts only as the first byte of
/// a field: inside an unquoted field it stands for itself, as in Python's `csv`. A CR without an LF after it is an
/// ordinary byte, except at the end of the file, where it is half a line break.
struct CSVScanner {
  /// What was found.
  enum Outcome: Equatable {
    /// A row that ends before `end`, its line break included. `isASCII` is never true by mistake.
    case row(end: Int, isTerminated: Bool, isASCII: Bool)
    /// The bytes end inside the row.
    case incomplete
    /// No byte is left.
    case end
    /// An unclosed quote.
    case unclosedQuote
    /// Something other than a delimiter or a line break after a closing quote.
    case textAfterQuote
  }

  /// Whether no bytes follow the given ones.
  var isAtEnd: Bool
  /// The byte that separates fields.
  let delimiter: UInt8
  /// How many line breaks lie inside the row's quoted fields; after an error, those before its place.
  private(set) var innerBreaks = 0
  private var highs: UInt64 = 0

  init(isAtEnd: Bool, delimiter: UInt8 = Byte.comma) {
    self.isAtEnd = isAtEnd
    self.delimiter = delimiter
  }

  /// Finds the row that starts at `start` and puts its fields into `fields`: O(bytes of the row).
  mutating func scan(_ bytes: RawSpan, from start: Int, into fields: inout FieldList) -> Outcome {
    fields.removeAll()
    if start == bytes.byteCount { return isAtEnd ? .end : .incomplete }
    var fieldStart = start
    var at = start
    let delimiters = repeated(delimiter)
    words: while at < bytes.byteCount {
      let word = bytes.word(at)
      highs |= word
      var hits =
        matches(word, delimiters) | matches(word, repeated(Byte.newline))
        | matches(word, repeated(Byte.quote))
      while hits != 0 {
        let shift = hits.trailingZeroBitCount & ~7
        let place = at &+ shift >> 3
        hits &= hits &- 1
        switch UInt8(truncatingIfNeeded: word >> UInt64(shift)) {
        case delimiter:
          fields.append(fieldStart, place, .bare)
          fieldStart = place &+ 1
        case Byte.newline:
          fields.append(fieldStart, trimmedEnd(bytes, fieldStart, place), .bare)
          return row(place + 1, isTerminated: true)
        default:
          guard place == fieldStart else { continue }
          switch quotedField(bytes, from: place + 1, into: &fields) {
          case .nextField(let next):
            fieldStart = next
            at = next
            continue words
          case .done(let outcome): return outcome
          }
        }
      }
      at &+= 8
    }
    guard isAtEnd else { return .incomplete }
    fields.append(fieldStart, trimmedEnd(bytes, fieldStart, bytes.byteCount), .bare)
    return row(bytes.byteCount, isTerminated: false)
  }

  /// Finds the row that starts at `start` of a window.
  mutating func scan(_ window: borrowing FileWindow, from start: Int, into fields: inout FieldList) -> Outcome {
    scan(window.bytes, from: start, into: &fields)
  }

  private func row(_ end: Int, isTerminated: Bool) -> Outcome {
    .row(end: end, isTerminated: isTerminated, isASCII: highs & highBits == 0)
  }

  /// Leaves out the CR of a line break.
  private func trimmedEnd(_ bytes: RawSpan, _ start: Int, _ end: Int) -> Int {
    end > start && bytes.byte(end - 1) == Byte.carriageReturn ? end - 1 : end
  }

  private enum Step {
    case nextField(Int)
    case done(Outcome)
  }

  /// Takes the quoted field whose content starts at `start`, and the comma or line break after it.
  private mutating func quotedField(_ bytes: RawSpan, from start: Int, into fields: inout FieldList) -> Step {
    var form = FieldRange.Form.quoted
    var at = start
    var breaks = 0
    while at < bytes.byteCount {
      let word = bytes.word(at)
      highs |= word
      let quotes = matches(word, repeated(Byte.quote))
      let newlines = matches(word, repeated(Byte.newline))
      if quotes == 0 {
        breaks += newlines.nonzeroBitCount
        at &+= 8
        continue
      }
      let bit = quotes & (0 &- quotes)
      breaks += (newlines & (bit &- 1)).nonzeroBitCount
      let place = at &+ quotes.trailingZeroBitCount >> 3
      if place + 1 < bytes.byteCount, bytes.byte(place + 1) == Byte.quote {
        form = .escaped
        at = place + 2
        continue
      }
      if place + 1 == bytes.byteCount, !isAtEnd { return .done(.incomplete) }
      innerBreaks += breaks
      fields.append(start, place, form)
      return behindQuote(bytes, at: place + 1)
    }
    // The error is where the quote opens: `innerBreaks` omits the line breaks after it.
    return .done(isAtEnd ? .unclosedQuote : .incomplete)
  }

  private func behindQuote(_ bytes: RawSpan, at next: Int) -> Step {
    if next == bytes.byteCount { return .done(row(next, isTerminated: false)) }
    switch bytes.byte(next) {
    case delimiter: return .nextField(next + 1)
    case Byte.newline: return .done(row(next + 1, isTerminated: true))
    case Byte.carriageReturn where next + 1 == bytes.byteCount:
      return .done(isAtEnd ? row(next + 1, isTerminated: false) : .incomplete)
    case Byte.carriageReturn where bytes.byte(next + 1) == Byte.newline:
      return .done(row(next + 2, isTerminated: true))
    default: return .done(.textAfterQuote)
    }
  }
}

/// Replaces doubled quotes by single ones, in place; returns how many bytes are left.
func unescapeCSV(_ bytes: UnsafeMutableRawBufferPointer) -> Int {
  var from = 0
  var to = 0
  // Proof, for all accesses: `to <= from < count` holds throughout.
  while from < bytes.count {
    let byte = unsafe bytes[from]
    unsafe bytes[to] = byte
    to += 1
    // Inside a quoted field quotes come in pairs only.
    from += byte == Byte.quote ? 2 : 1
  }
  return to
}
