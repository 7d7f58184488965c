/// Reads the rows of a CSV or newline-delimited JSON file, one after the other.
///
/// A row's fields are spans of the reader's buffer, valid until the next call of ``next()``; nothing is allocated for a
/// field. Memory is one buffer, at most twice as long as the longest row or the bytes read at once. The file may grow
/// while it is read: ``next()`` can be called again after it returned `false`.
///
/// ```swift
/// var reader = try RowReader.open("orders.csv", columns: ["customer", "price"])
/// while try reader.next() {
///   count(reader.field(0), try reader.number(1))
/// }
/// save(reader.position)
/// ```
package struct RowReader: ~Copyable, Sendable {
  /// The path, as it was given; it names the file in errors.
  package let path: String
  /// How the rows are written.
  package private(set) var format: RowFormat
  /// The byte that separates the fields of a CSV file.
  package internal(set) var delimiter = Byte.comma
  /// The names of all columns in the header; of a JSON file, none.
  package internal(set) var header: [String] = []
  /// Where the current row starts: the one that ``field(_:)`` reads.
  package internal(set) var row = RowPosition.start

  /// Whether a last row without a line break is left for later.
  ///
  /// For files that are still being written: their last row may be half a row.
  package var holdsBackOpenRow = false

  /// Whether rows are yet to come, as through a pipe.
  let isGrowing: Bool
  let maximumRowBytes: Int
  /// The wanted columns, as they were given.
  let wanted: [String]
  let columns: ColumnTable
  var window: FileWindow
  /// Where in the window the next row starts.
  var cursor = 0
  /// The line and the number of the next row.
  var nextLine = 1
  var nextRecord = 1
  /// Over the bytes before the cursor, or before another place in the window; `nil` if unknown.
  var checksum: ContentChecksum? = ContentChecksum()
  /// Over the bytes before the current row, if the row's escapes were replaced.
  var checksumBeforeRow: ContentChecksum?
  /// Whether the previous row ended with the file instead of a line break.
  var isRowOpen = false
  /// For a JSON file: the fields that no row has had so far.
  var unseen: [Int] = []
  var fields = FieldList(room: 64)
  /// For each wanted column, the field it is found in.
  var fieldOfColumn: [Int] = []
  /// The wanted fields, each once.
  var wantedFields: [Int] = []

  /// Opens a file, resolves the columns and goes to where reading starts.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - format: how the rows are written; without it the name decides, and failing that the first byte (`{` is JSON).
  ///   - delimiter: the byte that separates the fields of a CSV file; without it, a comma or, if not all columns are
  ///     found with that, a semicolon, a tab or a vertical bar.
  ///   - columns: the names of the columns to read, byte for byte; ``field(_:)`` takes an index of this array. A name
  ///     may come twice.
  ///   - start: where to resume: the ``position`` of a former reader of this file. At offset 0, reading starts with the
  ///     first row, whatever the line.
  ///   - checksum: over the bytes before `start`, so that ``contentChecksum()`` can continue it.
  ///   - holdsBackOpenRow: whether a last row or a header without a line break is left for later; without a whole
  ///     header the file counts as empty.
  ///   - isGrowing: whether more rows will come, so that a column missing from the first rows isn't an error.
  ///   - bufferBytes: how much to read at once.
  ///   - maximumRowBytes: a longer row is an error, so that an unclosed quote doesn't pull a whole file into memory.
  /// - Returns: a reader before the first row to read.
  /// - Throws: if the file can't be read, has no header, lacks a column, or doesn't reach to `start`.
  package static func open(
    _ path: String, format: RowFormat? = nil, delimiter: UInt8? = nil, columns: [String],
    from start: RowPosition = .start,
    checksum: ContentChecksum? = nil, holdsBackOpenRow: Bool = false, isGrowing: Bool = false,
    bufferBytes: Int = 1 << 20, maximumRowBytes: Int = 64 << 20
  ) throws(InputError) -> RowReader {
    // An initializer can't throw once `self`, which can't be copied, is complete.
    let window = try FileWindow(path: path, bufferBytes: bufferBytes)
    var reader = RowReader(
      path: path, window: window, columns: columns, isGrowing: isGrowing, maximumRowBytes: maximumRowBytes)
    reader.holdsBackOpenRow = holdsBackOpenRow
    let prologue = try FilePrologue(reading: &reader.window, path: path)
    reader.format = format ?? RowFormat(fileName: path) ?? prologue.format
    reader.cursor = prologue.byteOrderMarkBytes
    if let (form, remedy) = prologue.unreadable(reader.format) {
      throw InputError(.unreadable(form, remedy: remedy), file: path)
    }
    switch reader.format {
    case .csv: try reader.readHeader(delimiter)
    case .ndjson:
      reader.useJSONColumns()
      if start.offset == 0, !isGrowing { try reader.checkJSONColumns() }
    }
    reader.nextRecord = start.record
    if start.offset > 0 {
      try reader.move(to: start)
      reader.checksum = checksum?.byteCount == start.offset ? checksum : nil
    }
    return reader
  }

  private init(
    path: String, window: consuming FileWindow, columns: [String], isGrowing: Bool, maximumRowBytes: Int
  ) {
    self.isGrowing = isGrowing
    self.path = path
    self.window = window
    self.maximumRowBytes = maximumRowBytes
    format = .csv
    wanted = columns
    self.columns = ColumnTable(columns)
  }

  /// Where the next row starts: save this once the current row is processed, to resume later.
  package var position: RowPosition {
    RowPosition(offset: window.offset + cursor, line: nextLine, record: nextRecord)
  }

  /// The value of a wanted column in the current row, unescaped; empty if a JSON row lacks it or has `null`.
  ///
  /// JSON numbers, `true`, `false`, arrays and objects are given as their text. There is a current row only after
  /// ``next()`` returned `true`.
  @_lifetime(borrow self)
  package func field(_ column: Int) -> RawSpan {
    let range = fields[fieldOfColumn[column]]
    return window.bytes.extracting(range.start..<range.end)
  }

  /// For a JSON file: the first wanted column that no row has had since the reader was opened.
  package var unseenColumn: String? { unseen.min().map { columns.names[$0] } }

  /// Whether the current row ends with a line break.
  ///
  /// Only the last row of a file may lack its line break. In a file that is still being written, such a row may be half
  /// a row; if anything but a line break is appended to it, ``next()`` throws `changedFile`.
  package var isTerminated: Bool { !isRowOpen }

  /// Whether the value is in quotes, which distinguishes an empty text from no value.
  package func isQuoted(_ column: Int) -> Bool { fields[fieldOfColumn[column]].form == .quoted }

  /// The current row as the file has it, without its line break.
  package func rawRow() throws(InputError) -> [UInt8] {
    do {
      var bytes = try window.read(row.offset..<position.offset)
      while bytes.last == Byte.newline || bytes.last == Byte.carriageReturn { bytes.removeLast() }
      return bytes
    } catch { throw InputError(.init(errno: error.code), file: path) }
  }

  /// The value of a wanted column as a copy.
  package func text(_ column: Int) -> String {
    let bytes = field(column)
    // Proof: the bytes are used only inside the closure; that they are UTF-8 was checked with the row.
    return unsafe bytes.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
  }

  /// The value of a wanted column as a number; `nil` if it is empty or blank.
  package func number(_ column: Int) throws(InputError) -> ExactNumber? {
    do {
      return try ExactNumber.parse(field(column))
    } catch {
      throw self.error(
        error == .outOfRange
          ? .numberOutOfRange(column: wanted[column], value: text(column))
          : .notANumber(column: wanted[column], value: text(column)))
    }
  }

  /// An error about the current row.
  package func error(_ kind: InputError.Kind) -> InputError { InputError(kind, file: path, line: row.line) }
}

/// Properties of a file found in its first bytes.
private struct FilePrologue {
  var byteOrderMarkBytes = 0
  var format = RowFormat.csv
  private var start: [UInt8] = []
  private var firstVisible: UInt8?

  /// The file's form and a remedy if that form can't be read; `nil` if it can.
  func unreadable(_ format: RowFormat) -> (form: String, remedy: String)? {
    let command = "tidemark aggregate - …"
    if start.starts(with: [0x1F, 0x8B]) { return ("gzip", "unpack it: zcat FILE | \(command)") }
    if start.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) { return ("zstd", "unpack it: zstdcat FILE | \(command)") }
    if start.starts(with: [0xFF, 0xFE]) || start.starts(with: [0xFE, 0xFF]) {
      return ("UTF-16", "convert it: iconv -f UTF-16 -t UTF-8 FILE | \(command)")
    }
    if format == .ndjson, firstVisible == Byte.openBracket {
      return ("one JSON array", "write one object on each line: jq -c '.[]' FILE | \(command)")
    }
    return nil
  }

  init(reading window: inout FileWindow, path: String) throws(InputError) {
    do {
      while window.count < 3 { if try window.fill(dropping: 0) == 0 { break } }
      while window.count < 4 { if try window.fill(dropping: 0) == 0 { break } }
      start = (0..<min(4, window.count)).map { window.bytes.byte($0) }
      byteOrderMarkBytes = window.startsWithByteOrderMark ? 3 : 0
      var at = byteOrderMarkBytes
      // Stop after a page of blanks.
      while at < 4096 {
        if at == window.count, try window.fill(dropping: 0) == 0 { return }
        let byte = window.bytes.byte(at)
        if byte > Byte.space {
          firstVisible = byte
          format = byte == Byte.openBrace ? .ndjson : .csv
          return
        }
        at += 1
      }
    } catch { throw InputError(.init(errno: error.code), file: path) }
  }
}
