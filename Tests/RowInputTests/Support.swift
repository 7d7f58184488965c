import Foundation
import Testing

@testable import RowInput

/// A file that is gone after the test.
final class TemporaryFile {
  let path: String

  init(_ bytes: [UInt8], name: String = "rows.csv") throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "rows-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    path = folder.appending(path: name).path
    try Data(bytes).write(to: URL(filePath: path))
  }

  convenience init(_ text: String, name: String = "rows.csv") throws { try self.init(Array(text.utf8), name: name) }

  deinit { try? FileManager.default.removeItem(at: URL(filePath: path).deletingLastPathComponent()) }

  func append(_ text: String) throws { try append(Array(text.utf8)) }

  func append(_ bytes: [UInt8]) throws {
    let handle = try FileHandle(forWritingTo: URL(filePath: path))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data(bytes))
    try handle.close()
  }
}

/// A row as a test sees it.
struct Row: Equatable, CustomStringConvertible {
  var fields: [String]
  var position: RowPosition
  var next: RowPosition

  var description: String { "\(fields) at \(position.offset), line \(position.line), record \(position.record)" }
}

/// All rows from `start` on.
func rows(
  of file: TemporaryFile, _ columns: [String], from start: RowPosition = .start, format: RowFormat? = nil,
  bufferBytes: Int = 1 << 16
) throws -> [Row] {
  var reader = try RowReader.open(file.path, format: format, columns: columns, from: start, bufferBytes: bufferBytes)
  var rows: [Row] = []
  while try reader.next() {
    let fields = columns.indices.map { reader.text($0) }
    rows.append(Row(fields: fields, position: reader.row, next: reader.position))
  }
  return rows
}

/// The fields alone.
func table(_ text: String, _ columns: [String], name: String = "rows.csv", bufferBytes: Int = 1 << 16) throws
  -> [[String]]
{
  try rows(of: TemporaryFile(text, name: name), columns, bufferBytes: bufferBytes).map(\.fields)
}

/// The message of the error that ends reading a file, without the folder of the path.
func failure(
  _ file: TemporaryFile, _ columns: [String], from start: RowPosition = .start, numbers: [Int] = [],
  maximumRowBytes: Int = 1 << 20
) -> String? {
  do {
    var reader = try RowReader.open(
      file.path, columns: columns, from: start, bufferBytes: 16, maximumRowBytes: maximumRowBytes)
    while try reader.next() { for column in numbers { _ = try reader.number(column) } }
    return nil
  } catch {
    return "\(error)".replacing(file.path.replacing(#/[^/]*$/#, with: ""), with: "")
  }
}

/// SplitMix64: the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// The seed of this run: `TIDEMARK_SEED`, or a fresh one; it is printed, so that a failure can be run again.
  static func forTest(_ name: String = #function) -> SeededGenerator {
    let given = ProcessInfo.processInfo.environment["TIDEMARK_SEED"].flatMap { UInt64($0) }
    let seed = given ?? UInt64.random(in: 0...UInt64.max)
    print("\(name): TIDEMARK_SEED=\(seed)")
    return SeededGenerator(seed: seed)
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
