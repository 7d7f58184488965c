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
    /// The system failed to read; its words.
    case inputOutput(String)
    /// A CSV file without a header.
    case emptyFile
    /// The file ends before the place to go on at, or no row starts there: it isn't what was read before.
    case changedFile(String)
    /// The header (CSV) or the first row (JSON) lacks a column.
    case missingColumn(String, available: [String])
    /// The header has a wanted column twice.
    case duplicateColumn(String)
    /// A row has more or fewer fields than the header.
    case raggedRow(expected: Int, found: Int)
    /// A row is not CSV or not JSON.
    case malformed(String)
    /// A byte that isn't UTF-8, at an offset of the file.
    case invalidUTF8(offset: Int)
    /// The value of a column that should be a number.
    case notANumber(column: String, value: String)
    /// The value of a column that should be a time.
    case notATime(column: String, value: String)
    /// A number that ``ExactDecimal`` can't hold.
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
    case .malformed(let text): text
    case .invalidUTF8(let offset): "invalid UTF-8 at byte \(offset) of the file"
    case .notANumber(let column, let value): "column \(quoted(column)) is not a number: \(quoted(value))"
    case .notATime(let column, let value): "column \(quoted(column)) is not a time: \(quoted(value))"
    case .numberOutOfRange(let column, let value): "column \(quoted(column)) is out of range: \(quoted(value))"
    }
  }
}

extension InputError {
  /// Whether the error is about one row, and the rows behind it can be read.
  package var isOfOneRow: Bool {
    switch kind {
    case .raggedRow, .malformed, .invalidUTF8, .notANumber, .notATime, .numberOutOfRange: true
    default: false
    }
  }

  /// What is wrong, without file and line.
  package var reason: String { kind.message }
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

/// Names in quotes; of many, the first forty.
private func list(_ names: [String]) -> String {
  let shown = names.prefix(40).map(quoted).joined(separator: ", ")
  return names.count > 40 ? "\(shown) and \(names.count - 40) more" : shown
}
