internal import Glibc

/// What is wrong with an input file, and where.
package struct InputError: Error, Sendable, Equatable {
  /// What is wrong.
  package enum Kind: Sendable, Equatable {
    /// There is no such file.
    case missingFile
    /// The file may not be read.
    case permissionDenied
    /// The path leads to a directory.
    case isDirectory
    /// The system failed to read, with the system's message.
    case inputOutput(String)
    /// A CSV file without a header.
    case emptyFile
    /// The file ends before the resume position, or no row starts there: it isn't the file that was read before.
    case changedFile(String)
    /// The header (CSV) or the first row (JSON) lacks a column.
    case missingColumn(String, available: [String])
    /// The header has a wanted column twice.
    case duplicateColumn(String)
    /// A row has more or fewer fields than the header.
    case raggedRow(expected: Int, found: Int)
    /// The file is in a form that can't be read, with a remedy.
    case unreadable(String, remedy: String)
    /// A row is not CSV or not JSON.
    case malformed(String, remedy: String? = nil)
    /// A byte that isn't UTF-8, at an offset of the file.
    case invalidUTF8(offset: Int)
    /// The value of a column that should be a number.
    case notANumber(column: String, value: String)
    /// The value of a column that should be a time.
    case notATime(column: String, value: String)
    /// A time later than the latest accepted one.
    case timeTooLate(column: String, value: String, latest: String)
    /// A row that exceeds the limits of a transaction.
    case tooLarge(bytes: Int, limit: Int)
    /// A number that ``ExactNumber`` can't hold.
    case numberOutOfRange(column: String, value: String)
  }

  /// What is wrong.
  package var kind: Kind
  /// The file's path, as it was given.
  package var file: String
  /// The physical line, from 1.
  package var line: Int?

  /// Makes an error.
  package init(_ kind: Kind, file: String, line: Int? = nil) {
    self.kind = kind
    self.file = file
    self.line = line
  }
}

extension InputError.Kind {
  /// What a failed system call means.
  init(errno code: Int32) {
    self =
      switch code {
      case ENOENT, ENOTDIR: .missingFile
      case EACCES, EPERM: .permissionDenied
      case EISDIR: .isDirectory
      // Proof: `strerror` gives a C string, valid until this thread calls it again.
      default: .inputOutput(unsafe String(cString: strerror(code)))
      }
  }

  fileprivate var message: String {
    switch self {
    case .missingFile: "no such file"
    case .permissionDenied: "permission denied"
    case .isDirectory: "is a directory"
    case .inputOutput(let text): "reading failed: \(text)"
    case .emptyFile: "empty, expected a header row"
    case .changedFile(let text): "changed since it was read: \(text)"
    case .missingColumn(let name, let available):
      "no column \(quoted(name)); "
        + (available.isEmpty ? "there are none" : "there are \(list(available))")
    case .duplicateColumn(let name): "column \(quoted(name)) appears twice in the header"
    case .raggedRow(let expected, let found): "expected \(expected) field\(expected == 1 ? "" : "s"), found \(found)"
    case .unreadable(let form, _): "the file is \(form), which isn't read"
    case .malformed(let text, _): text
    case .invalidUTF8(let offset): "invalid UTF-8 at byte \(offset) of the file"
    case .notANumber(let column, let value): "column \(quoted(column)) is not a number: \(quoted(value))"
    case .notATime(let column, let value): "column \(quoted(column)) is not a time: \(quoted(value))"
    case .timeTooLate(let column, let value, let latest):
      "column \(quoted(column)) is later than \(latest): \(quoted(value))"
    case .tooLarge(let bytes, let limit): "a row of \(bytes) bytes doesn't fit into a transaction of \(limit) bytes"
    case .numberOutOfRange(let column, let value): "column \(quoted(column)) is out of range: \(quoted(value))"
    }
  }
}

extension InputError {
  /// Whether the error is about one row, and the rows after it can be read.
  package var isOfOneRow: Bool {
    switch kind {
    case .raggedRow, .malformed, .invalidUTF8, .notANumber, .notATime, .numberOutOfRange, .timeTooLate, .tooLarge:
      true
    default: false
    }
  }

  /// What is wrong, without file and line.
  package var reason: String { kind.message }

  /// What to do about it; `nil` if that isn't known.
  package var remedy: String? {
    switch kind {
    case .unreadable(_, let remedy): remedy
    case .malformed(_, let remedy): remedy
    case .timeTooLate: "see --latest-time"
    case .notANumber(_, let value) where value.contains(","):
      "numbers are read with a decimal point, and without separators of thousands"
    case .invalidUTF8: "if the file is Latin-1, convert it: iconv -f LATIN1 -t UTF-8"
    case .missingColumn(let name, let available): hint(name, available)
    default: nil
    }
  }
}

extension InputError: CustomStringConvertible {
  /// One line: file, line, and what is wrong there, as `orders.csv line 17: expected 8 fields, found 7`.
  package var description: String {
    // A control character in a path would break the line.
    let path = String(file.unicodeScalars.map { $0.value < 0x20 ? "?" : Character($0) })
    return "\(path)\(line.map { " line \($0)" } ?? ""): \(kind.message)"
  }
}

/// A text in quotes on one line, cut after 40 characters.
private func quoted(_ text: String) -> String {
  let shown = text.count > 40 ? text.prefix(40) + "…" : text[...]
  var bytes: [UInt8] = []
  appendJSONString(Array(shown.utf8).rawBytes, to: &bytes)
  return String(decoding: bytes, as: UTF8.self)
}

/// The likely cause of a missing column; `nil` if there is no hint.
private func hint(_ name: String, _ available: [String]) -> String? {
  if available.contains(where: { $0.utf8.contains(0) }) { return "the file has zero bytes: is it whole, and a text?" }
  if available.contains(where: { $0.utf8.contains(Byte.carriageReturn) }) { return carriageReturnRemedy }
  if available.count == 1, let sign = available[0].first(where: { ";\t|:".contains($0) }) {
    return "if another separator than a comma stands between them, say so: --delimiter '\(sign)'"
  }
  if let dot = name.firstIndex(of: "."), available.contains(String(name[..<dot])) {
    return "nested values aren't read by a path: bring them to the top with jq, as `jq -c '{id: .user.id, x}'`"
  }
  return nil
}

let carriageReturnRemedy = "its line breaks are carriage returns (CR); replace them: tr '\\r' '\\n'"

/// Names in quotes, at most the first forty.
private func list(_ names: [String]) -> String {
  let shown = names.prefix(40).map(quoted).joined(separator: ", ")
  return names.count > 40 ? "\(shown) and \(names.count - 40) more" : shown
}
