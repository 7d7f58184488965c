// Opening: the header, the wanted columns, and the place to go on at.

extension RowReader {
  /// Reads the header of a CSV file and finds the wanted columns in it.
  mutating func readHeader() throws(InputError) {
    var found: FoundRow
    repeat {
      guard let next = try findCSVRow() else { throw InputError(.emptyFile, file: path) }
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
    for index in 0..<room { unescape(index) }
    header = headerNames()
    try resolveCSVColumns()
    fields = FieldList(room: room)
    skip(found)
  }

  /// The fields of the header as text.
  private func headerNames() -> [String] {
    let bytes = window.bytes
    return (0..<fields.count).map { index in
      String(decoding: (fields[index].start..<fields[index].end).map { bytes.byte($0) }, as: UTF8.self)
    }
  }

  /// Finds the wanted columns in the header.
  private mutating func resolveCSVColumns() throws(InputError) {
    var fieldOfName: [Int?] = Array(repeating: nil, count: columns.names.count)
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
    areColumnsChecked = true
  }

  /// Gives each distinct wanted column of a JSON file a field of its own.
  mutating func useJSONColumns() {
    fields = FieldList(room: columns.names.count)
    wantedFields = Array(columns.names.indices)
    // Every wanted name is in the table.
    fieldOfColumn = wanted.compactMap { columns.index(of: $0) }
  }

  /// Goes to where a former reader stopped.
  mutating func move(to start: RowPosition) throws(InputError) {
    let first = position.offset
    let isHeaderOpen = isRowOpen
    if format == .ndjson { try checkColumns(before: start.offset) }
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

  /// Reads a JSON file up to its first row, which has the columns, or to a place; bad rows were skipped by who went on there.
  private mutating func checkColumns(before offset: Int) throws(InputError) {
    while !areColumnsChecked, position.offset < offset {
      do throws(InputError) {
        guard try next() else { return }
      } catch {
        guard error.isOfOneRow else { throw error }
        try skipRow()
      }
    }
  }

  func changed(_ text: String) -> InputError { InputError(.changedFile(text), file: path) }
}
