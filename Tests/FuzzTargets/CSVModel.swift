internal import Changelog

/// CSV, byte by byte: `RowReader` reads the same in words of eight bytes and in pieces of a file.
enum CSVModel {
  struct Field: Equatable {
    var bytes: [UInt8] = []
    var isQuoted = false
  }

  private enum State {
    case start, bare, quoted, behindQuote
  }

  /// All rows up to an error, with the header and empty lines, except empty lines before the header.
  static func rows(of file: RawSpan) -> (rows: [[Field]], isWhole: Bool) {
    var bytes = file.array
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
    var rows: [[Field]] = []
    var row: [Field] = []
    var field = Field()
    var state = State.start
    func isEmpty(_ row: [Field]) -> Bool { row == [Field()] }

    func endRow() {
      row.append(field)
      if !rows.isEmpty || !isEmpty(row) { rows.append(row) }
      row = []
      field = Field()
      state = .start
    }

    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      let isLast = index + 1 == bytes.count
      let next = isLast ? nil : bytes[index + 1]
      index += 1
      // A CR belongs to the line break after it, or would if the file went on.
      let isBreak = byte == UInt8(ascii: "\r") && (isLast || next == UInt8(ascii: "\n"))
      switch (state, byte) {
      case (.start, UInt8(ascii: "\"")):
        field.isQuoted = true
        state = .quoted
      case (.quoted, UInt8(ascii: "\"")) where next == UInt8(ascii: "\""):
        field.bytes.append(byte)
        index += 1
      case (.quoted, UInt8(ascii: "\"")): state = .behindQuote
      case (.quoted, _): field.bytes.append(byte)
      case (_, UInt8(ascii: ",")):
        row.append(field)
        field = Field()
        state = .start
      case (_, UInt8(ascii: "\n")): endRow()
      case _ where isBreak:
        // The line break follows, or the file ends.
        if isLast { state = .bare }
      case (.behindQuote, _): return (rows, false)
      default:
        field.bytes.append(byte)
        state = .bare
      }
    }
    if state == .quoted { return (rows, false) }
    if !row.isEmpty || state != .start { endRow() }
    return (rows, true)
  }
}
