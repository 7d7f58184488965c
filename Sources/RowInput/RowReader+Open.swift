// Opening: the header, the wanted columns, and the place to go on at.

extension RowReader {
  /// Reads the header of a CSV file, with what separates its fields, and finds the wanted columns in it.
  mutating func readHeader(_ given: UInt8?) throws(InputError) {
    try takeSeparatorLine()
    let (start, line) = (position.offset, nextLine)
    if let given {
      delimiter = given
      return try readHeader()
    }
    var first: InputError?
    for candidate in [Byte.comma, UInt8(ascii: ";"), Byte.tab, UInt8(ascii: "|")] {
      // The window may have moved on meanwhile, even past the place.
      if start < window.offset { window.move(to: start) }
      (cursor, nextLine) = (start - window.offset, line)
      delimiter = candidate
      do throws(InputError) { return try readHeader() } catch {
        // What a comma doesn't separate, another sign may.
        guard case .missingColumn = error.kind else { throw first ?? error }
        first = first ?? error
      }
    }
    if let first { throw first }
  }

  /// What a header is wrong with that doesn't end.
  private var noHeader: InputError {
    let bytes = window.bytes
    guard !isGrowing, let place = bytes.firstIndex(of: Byte.carriageReturn, from: cursor, to: window.count - 1),
      bytes.byte(place + 1) != Byte.newline
    else { return InputError(.emptyFile, file: path) }
    return InputError(.unreadable("a text whose lines end with CR", remedy: carriageReturnRemedy), file: path)
  }

  /// Goes behind a first line `sep=;`, by which some programs say what separates fields.
  private mutating func takeSeparatorLine() throws(InputError) {
    do {
      while window.count < cursor + 7 { if try window.fill(dropping: 0) == 0 { break } }
    } catch { throw InputError(.init(errno: error.code), file: path) }
    guard let end = separatorLineEnd else { return }
    cursor = end
    nextLine += 1
  }

  private var separatorLineEnd: Int? {
    let prefix = Array("sep=".utf8)
    let bytes = window.bytes
    let end = cursor + prefix.count + 1
    guard end < bytes.byteCount, bytes.extracting(cursor..<cursor + prefix.count).equals(prefix.rawBytes) else {
      return nil
    }
    let isCRLF = bytes.byte(end) == Byte.carriageReturn && end + 1 < bytes.byteCount
    let next = (isCRLF ? end + 1 : end) + 1
    return bytes.byte(next - 1) == Byte.newline ? next : nil
  }

  private mutating func readHeader() throws(InputError) {
    var found: FoundRow
    repeat {
      guard let next = try findCSVRow() else { throw noHeader }
      found = next
      if isBlank { skip(found) }
    } while isBlank
    if fields.count > fields.ranges.count {
      fields = FieldList(room: fields.count)
      // The whole row is in the window by now.
      if let again = try findCSVRow() { found = again }
    }
    try checkUTF8(found)
    let room = fields.count
    header = headerNames()
    try resolveCSVColumns()
    fields = FieldList(room: room)
    skip(found)
  }

  /// The fields of the header as text.
  private func headerNames() -> [String] {
    let bytes = window.bytes
    return (0..<fields.count).map { index in
      let name = String(decoding: (fields[index].start..<fields[index].end).map { bytes.byte($0) }, as: UTF8.self)
      return fields[index].form == .escaped ? name.replacingDoubledQuotes : name
    }
  }

  /// Finds the wanted columns in the header.
  private mutating func resolveCSVColumns() throws(InputError) {
    var fieldOfName: [Int?] = Array(repeating: nil, count: columns.names.count)
    fieldOfColumn = []
    for (field, name) in header.enumerated() {
      guard let column = columns.index(of: name) else { continue }
      guard fieldOfName[column] == nil else { throw InputError(.duplicateColumn(name), file: path) }
      fieldOfName[column] = field
    }
    wantedFields = fieldOfName.compactMap(\.self)
    for name in wanted {
      guard let field = columns.index(of: name).flatMap({ fieldOfName[$0] }) else {
        throw InputError(.missingColumn(name, available: header), file: path)
      }
      fieldOfColumn.append(field)
    }
  }

  /// Gives each distinct wanted column of a JSON file a field of its own.
  mutating func useJSONColumns() {
    fields = FieldList(room: columns.names.count)
    wantedFields = Array(columns.names.indices)
    unseen = wantedFields
    // Every wanted name is in the table.
    fieldOfColumn = wanted.compactMap { columns.index(of: $0) }
  }

  /// Goes to where a former reader stopped.
  mutating func move(to start: RowPosition) throws(InputError) {
    let first = position.offset
    let isHeaderOpen = isRowOpen
    do {
      let byteCount = try window.fileByteCount()
      guard start.offset <= byteCount else {
        throw changed("it has \(byteCount) bytes, but reading should go on at byte \(start.offset)")
      }
      guard start.offset >= first else { throw changed("byte \(start.offset) lies inside the header") }
      isRowOpen = start.offset == first ? isHeaderOpen : try window.byte(at: start.offset - 1) != Byte.newline
    } catch let failure as ReadFailure {
      throw InputError(.init(errno: failure.code), file: path)
    } catch let error as InputError {
      throw error
    } catch { fatalError("no other error is thrown") }
    window.move(to: start.offset)
    cursor = 0
    nextLine = start.line
    nextRecord = start.record
    row = start
    fields.setAllAbsent()
  }

  private static let lookAheadBytes = 1 << 20

  /// Looks for the wanted columns in the first rows of a JSON file.
  ///
  /// Objects may lack keys: only where all rows are there, and none has a column, it is missing.
  mutating func checkJSONColumns() throws(InputError) {
    var available: [String] = []
    var place = cursor
    while !unseen.isEmpty {
      guard let end = window.bytes.firstIndex(of: Byte.newline, from: place, to: window.count) else {
        guard window.count < Self.lookAheadBytes else { return }
        do { if try window.fill(dropping: 0) > 0 { continue } } catch {
          throw InputError(.init(errno: error.code), file: path)
        }
        if place < window.count {
          // Half a row tells nothing.
          if holdsBackOpenRow { return }
          look(at: place..<window.count, &available)
        }
        guard let missing = wanted.first(where: { columns.index(of: $0).map(unseen.contains) ?? false }) else { return }
        if available.isEmpty { return }
        throw InputError(.missingColumn(missing, available: available), file: path)
      }
      look(at: place..<end, &available)
      place = end + 1
    }
  }

  /// Notes which of the columns that weren't seen a line has; bad rows are for who reads them.
  private mutating func look(at line: Range<Int>, _ available: inout [String]) {
    do throws(JSONFault) {
      try scanJSON(window, line, columns, into: &fields)
      unseen.removeAll { fields[$0] != .absent }
      if available.isEmpty {
        var scanner = JSONScanner(window.bytes, from: line.lowerBound, to: line.upperBound)
        available = try scanner.keys()
      }
    } catch {}
    fields.setAllAbsent()
  }

  func changed(_ text: String) -> InputError { InputError(.changedFile(text), file: path) }
}

extension String {
  fileprivate var replacingDoubledQuotes: String {
    var bytes = Array(utf8)
    // Proof: the bytes are the array's own.
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe unescapeCSV($0) }
    return String(decoding: bytes[..<count], as: UTF8.self)
  }
}
