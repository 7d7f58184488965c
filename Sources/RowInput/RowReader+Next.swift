/// Where a row of the window ends, and its properties found while scanning.
struct FoundRow {
  /// The end of the row's content; for a CSV row, the end of its line break.
  var contentEnd: Int
  /// Where the next row starts.
  var end: Int
  var isTerminated: Bool
  var isASCII: Bool
  var innerBreaks: Int
}

extension RowReader {
  /// Goes to the next row; `false` at the end of the file, as it is at this moment.
  ///
  /// Checks the row as a whole (fields, JSON, UTF-8). After a throw the reader stays before the row, and throws again.
  package mutating func next() throws(InputError) -> Bool {
    if isRowOpen {
      guard try takeLateLineBreak() else { return false }
    }
    switch format {
    case .csv: return try nextCSV()
    case .ndjson: return try nextJSON()
    }
  }

  /// Skips the row that ``next()`` threw an error about, and makes it the current one, without fields.
  ///
  /// If CSV can't be split into fields, as after an unclosed quote, only the line that the row starts on is skipped.
  /// Throws if no row can be found: on a read error, or if a line is too long.
  package mutating func skipRow() throws(InputError) {
    var found: FoundRow?
    if format == .csv {
      do throws(InputError) { found = try findCSVRow() } catch {
        guard case .malformed = error.kind else { throw error }
      }
    }
    if found == nil { found = try findLine() }
    guard let found else { return }
    row = position
    fields.setAllAbsent()
    skip(found)
    nextRecord += 1
  }

  private mutating func nextCSV() throws(InputError) -> Bool {
    while let found = try findCSVRow() {
      // A blank line is a row only where rows have one field.
      if isBlank, header.count > 1 {
        skip(found)
        continue
      }
      try checkUTF8(found)
      guard fields.count == header.count else {
        throw InputError(.raggedRow(expected: header.count, found: fields.count), file: path, line: nextLine)
      }
      take(found)
      return true
    }
    return false
  }

  private mutating func nextJSON() throws(InputError) -> Bool {
    while let found = try findLine() {
      if position.offset == 0, window.startsWithByteOrderMark {
        // It wasn't whole when the file was opened.
        cursor = 3
        continue
      }
      if isBlankLine(found) {
        skip(found)
        continue
      }
      try checkUTF8(found)
      do throws(JSONFault) {
        try scanJSON(window, cursor..<found.contentEnd, columns, into: &fields)
      } catch {
        let place = "bad JSON at byte \(error.place - cursor + 1) of the line"
        // A line that ends too early may be the first of an object on several lines.
        let remedy = error.place == found.contentEnd ? "an object must be on one line, as `jq -c .` writes it" : nil
        throw InputError(.malformed("\(place): \(error.what)", remedy: remedy), file: path, line: nextLine)
      }
      if !unseen.isEmpty { unseen.removeAll { fields[$0] != .absent } }
      take(found)
      return true
    }
    return false
  }

  // MARK: Finding

  /// Finds the CSV row at the cursor, reading more as needed; `nil` at the end of the file.
  mutating func findCSVRow() throws(InputError) -> FoundRow? {
    var isAtEnd = false
    while true {
      var scanner = CSVScanner(isAtEnd: isAtEnd, delimiter: delimiter)
      switch scanner.scan(window, from: cursor, into: &fields) {
      case .row(let end, let isTerminated, let isASCII):
        return FoundRow(
          contentEnd: end, end: end, isTerminated: isTerminated, isASCII: isASCII, innerBreaks: scanner.innerBreaks)
      case .incomplete:
        if try fill() { continue }
        // After a whole line, an open quote is a mistake: writers write a row of several lines at once.
        if holdsBackOpenRow, isGrowing || window.count == cursor || window.bytes.byte(window.count - 1) != Byte.newline
        {
          return nil
        }
        isAtEnd = true
      case .end: return nil
      case .unclosedQuote:
        throw InputError(.malformed("unclosed quote"), file: path, line: nextLine + scanner.innerBreaks)
      case .textAfterQuote:
        // To skip the row, skip to the end of its line.
        if holdsBackOpenRow, try findLine() == nil { return nil }
        throw InputError(.malformed("text after a closing quote"), file: path, line: nextLine + scanner.innerBreaks)
      }
    }
  }

  /// Finds the line at the cursor, reading more as needed; `nil` at the end of the file.
  private mutating func findLine() throws(InputError) -> FoundRow? {
    var searched = 0
    while true {
      let count = window.count
      if let newline = window.bytes.firstIndex(of: Byte.newline, from: cursor + searched, to: count) {
        return line(to: newline, end: newline + 1)
      }
      searched = count - cursor
      if try !fill() {
        return searched == 0 || holdsBackOpenRow ? nil : line(to: window.count, end: window.count)
      }
    }
  }

  private func line(to contentEnd: Int, end: Int) -> FoundRow {
    FoundRow(
      contentEnd: contentEnd, end: end, isTerminated: end > contentEnd,
      isASCII: window.bytes.isASCII(from: cursor, to: contentEnd), innerBreaks: 0)
  }

  /// Reads more after the row at the cursor; `false` if there is no more.
  private mutating func fill() throws(InputError) -> Bool {
    guard window.count - cursor < maximumRowBytes else {
      throw InputError(
        .malformed("a row longer than \(maximumRowBytes) bytes\(format == .csv ? "; is a quote unclosed?" : "")"),
        file: path, line: nextLine)
    }
    do {
      addToChecksum(upTo: cursor)
      let dropped = cursor
      cursor = 0
      return try window.fill(dropping: dropped) > 0
    } catch { throw InputError(.init(errno: error.code), file: path) }
  }

  /// Takes a line break that was appended after the last row was read; `false` if nothing was appended.
  private mutating func takeLateLineBreak() throws(InputError) -> Bool {
    while window.count - cursor < 2 { if try !fill() { break } }
    let rest = window.count - cursor
    if rest == 0 { return false }
    let first = window.bytes.byte(cursor)
    if first == Byte.newline {
      cursor += 1
    } else if first == Byte.carriageReturn, rest == 1 {
      return false
    } else if first == Byte.carriageReturn, window.bytes.byte(cursor + 1) == Byte.newline {
      cursor += 2
    } else {
      throw changed("no row starts at byte \(position.offset)")
    }
    isRowOpen = false
    return true
  }

  // MARK: Checking and taking

  /// Whether the CSV row just found is an empty line.
  var isBlank: Bool { fields.count == 1 && fields[0].start == fields[0].end && fields[0].form == .bare }

  private func isBlankLine(_ found: FoundRow) -> Bool {
    let bytes = window.bytes
    return (cursor..<found.contentEnd).allSatisfy {
      let byte = bytes.byte($0)
      return byte == Byte.space || byte == Byte.tab || byte == Byte.carriageReturn
    }
  }

  func checkUTF8(_ found: FoundRow) throws(InputError) {
    if found.isASCII { return }
    let bytes = window.bytes
    guard let place = bytes.firstInvalidUTF8(from: cursor, to: found.contentEnd) else { return }
    let line = nextLine + bytes.count(of: Byte.newline, from: cursor, to: place)
    throw InputError(.invalidUTF8(offset: window.offset + place), file: path, line: line)
  }

  /// Makes the row just found the current one.
  private mutating func take(_ found: FoundRow) {
    row = position
    for index in wantedFields where fields[index].form == .escaped {
      prepareChecksumForUnescaping(upTo: found.end)
      unescape(index)
    }
    skip(found)
    nextRecord += 1
  }

  mutating func skip(_ found: FoundRow) {
    cursor = found.end
    nextLine += found.innerBreaks + 1
    isRowOpen = !found.isTerminated
  }

  /// Replaces the escapes of a field, in the window.
  mutating func unescape(_ index: Int) {
    let range = fields[index]
    guard range.form == .escaped else { return }
    let format = format
    let count = unsafe window.withMutableBytes { bytes in
      // Proof: the scanner found the range inside the window, which has not moved since.
      let content = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[range.start..<range.end])
      return unsafe format == .csv ? unescapeCSV(content) : unescapeJSON(content)
    }
    fields[index] = FieldRange(start: range.start, end: range.start + count, form: .quoted)
  }
}
