/// Where a row of a file starts, in bytes, lines and rows: enough to resume reading there later.
package struct RowPosition: Sendable, Hashable {
  /// Bytes of the file before the row.
  package var offset: Int
  /// The physical line that the row starts on, from 1; line breaks inside quoted fields count.
  package var line: Int
  /// The number of the row, from 1; the header and blank lines don't count.
  package var record: Int

  /// Puts a position together.
  package init(offset: Int, line: Int, record: Int) {
    self.offset = offset
    self.line = line
    self.record = record
  }

  /// The start of a file: a reader that starts here continues with the first row after the header.
  package static let start = RowPosition(offset: 0, line: 1, record: 1)
}
