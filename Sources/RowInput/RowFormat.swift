/// How the rows of a file are written.
package enum RowFormat: String, Sendable, Hashable, CaseIterable {
  /// Comma-separated values by RFC 4180; the first row names the columns.
  case csv
  /// Newline-delimited JSON: one object a line; its keys name the columns.
  case ndjson

  /// The format that a file's name implies: `.csv`, or `.ndjson`, `.jsonl` and `.json`; `nil` for any other name.
  package init?(fileName: String) {
    guard let dot = fileName.lastIndex(of: ".") else { return nil }
    switch fileName[fileName.index(after: dot)...].lowercased() {
    case "csv": self = .csv
    case "ndjson", "jsonl", "json": self = .ndjson
    default: return nil
    }
  }
}
