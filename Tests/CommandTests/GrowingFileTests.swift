import Foundation
import Testing

/// Files that are still written: their last row may be half a row.
@Suite struct GrowingFileTests {
  let directory: TemporaryDirectory
  var state: String { directory("state") }

  init() throws { directory = try TemporaryDirectory() }

  func aggregate(_ file: String, _ more: String...) throws -> Outcome {
    try run(commandPath(), ["aggregate", file, "--group-by", "k", "--sum", "v", "--state", state] + more)
  }

  func rows() throws -> String { try tidemark("scan", "--csv", "--state", state).output }

  /// Seen to fail with: a last row that counts although its line end is missing.
  @Test(arguments: [
    ("k,v\na,5\nb,12", "34\nc,7\n", "rows.csv"),
    ("k,v\na,5\n\"b\",12", "34\nc,7\n", "rows.csv"),
    ("k,v\na,5\n\"b", "\",1234\nc,7\n", "rows.csv"),
    ("{\"k\":\"a\",\"v\":5}\n{\"k\":\"b\",\"v\":12", "34}\n{\"k\":\"c\",\"v\":7}\n", "rows.ndjson"),
    ("{\"k\":\"a\",\"v\":5}\n{\"k\":\"b\",\"v\":1234}", "\n{\"k\":\"c\",\"v\":7}\n", "rows.ndjson"),
  ])
  func halfARowWaits(written: String, rest: String, name: String) throws {
    for options in [[], ["--skip-bad-rows"]] {
      let file = try directory.write(written, to: name)
      let state = directory("state\(options.count)")
      let arguments = ["aggregate", file, "--group-by", "k", "--sum", "v", "--state", state] + options
      let first = try run(commandPath(), arguments)
      #expect(first.status == 0, "\(first.error)")
      #expect(first.error.contains("waits for the rest of it; --complete counts it"), "\(first.error)")
      #expect(first.error.contains("\(file) line \(name == "rows.csv" ? 3 : 2)"), "\(first.error)")
      #expect(try tidemark("scan", "--csv", "--state", state).output == "k,sum(v)\na,5\n")
      let handle = try #require(FileHandle(forWritingAtPath: file))
      try handle.seekToEnd()
      try handle.write(contentsOf: Data(rest.utf8))
      let second = try run(commandPath(), arguments)
      #expect(second.status == 0 && !second.error.contains("waits"), "\(second.error)")
      #expect(try tidemark("scan", "--csv", "--state", state).output == "k,sum(v)\na,5\nb,1234\nc,7\n")
    }
  }

  @Test func aFileThatIsCompleteNeedsNoLastLineEnd() throws {
    let file = try directory.write("k,v\na,5\nb,12", to: "rows.csv")
    #expect(try aggregate(file).status == 0)
    #expect(try rows() == "k,sum(v)\na,5\n")
    let outcome = try aggregate(file, "--complete")
    #expect(outcome.status == 0 && !outcome.error.contains("waits"), "\(outcome.error)")
    #expect(try rows() == "k,sum(v)\na,5\nb,12\n")
    // A line end alone adds no row; anything else would change a row that was there.
    try Data("k,v\na,5\nb,12\nc,1\n".utf8).write(to: URL(fileURLWithPath: file))
    #expect(try aggregate(file).status == 0)
    #expect(try rows() == "k,sum(v)\na,5\nb,12\nc,1\n")
  }

  @Test func halfAHeaderWaits() throws {
    let file = try directory.write("k,", to: "rows.csv")
    let outcome = try aggregate(file)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.error.contains("the header has no line end and waits"), "\(outcome.error)")
    _ = try directory.write("k,v\na,1\n", to: "rows.csv")
    #expect(try aggregate(file).status == 0)
    #expect(try rows() == "k,sum(v)\na,1\n")
  }
}
