import Testing

/// Rules that the formatter doesn't check.
@Suite struct FileStyleTests {
  private static let greatestLineCount = 400

  private static func files() throws -> [SourceText] {
    try ["Sources", "Tests", "Benchmarks", "Fuzz"].flatMap { try SourceText.all(in: $0) }
  }

  /// Seen to fail with: `WaitingCommitsTests.swift`, when it had 435 lines.
  @Test func noFilePasses400Lines() throws {
    let files = try Self.files()
    #expect(files.count > 300)
    for file in files {
      let count = file.text.utf8.count { $0 == UInt8(ascii: "\n") }
      #expect(count <= Self.greatestLineCount, "\(file.path) has \(count) lines: split it by verb")
    }
  }

  /// Seen to fail with: such a mark in a comment of `Sources/Changelog/Position.swift`.
  @Test(arguments: ["TO" + "DO", "FIX" + "ME"]) func noFileLeavesWorkForLater(_ mark: String) throws {
    for file in try Self.files() {
      let isMarked = file.text.contains(mark)
      #expect(!isMarked, "\(file.path) has a \(mark)")
    }
  }
}
