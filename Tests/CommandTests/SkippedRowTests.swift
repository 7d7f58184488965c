import Foundation
import Testing

@Suite struct SkippedRowTests {
  let directory: TemporaryDirectory
  var state: String { directory("state") }

  init() throws { directory = try TemporaryDirectory() }

  @Test func badRowsAreLeftOutCountedAndListed() throws {
    let file = directory("rows.csv")
    try Data(
      Array("k,v\na,1\nb\na,x\n\"two\nlines\",3,4\na,2\n\"open,5\na,4\n".utf8) + [0xFF]
        + Array(",1\na,8\na,\"9\"0\na,16\n".utf8)
    ).write(to: URL(fileURLWithPath: file))
    let arguments = ["aggregate", file, "--group-by", "k", "--sum", "v", "--state", state]
    let outcome = try run(commandPath(), arguments + ["--skip-bad-rows"])
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(
      outcome.error
        == """
        6 bad rows are skipped:
          \(file) line 3: expected 2 fields, found 1
          \(file) line 4: column "v" is not a number: "x"
          \(file) line 5: expected 2 fields, found 3
          \(file) line 8: text after a closing quote (on line 12)
          \(file) line 10: invalid UTF-8 at byte 46 of the file
          \(file) line 12: text after a closing quote

        """)
    #expect(try tidemark("scan", "--json", "--state", state).output == "{\"k\":\"a\",\"sum(v)\":31}\n")
    // Another run counts none of them twice.
    let again = try run(commandPath(), arguments + ["--skip-bad-rows", "--progress", "json"])
    #expect(again.error.contains("\"skippedRows\":6"), "\(again.error)")
    #expect(again.error.contains("\"line\":5,\"reason\":\"expected 2 fields, found 3\""), "\(again.error)")
    #expect(try tidemark("scan", "--json", "--state", state).output == "{\"k\":\"a\",\"sum(v)\":31}\n")
  }

  @Test func badJSONLinesAreLeftOut() throws {
    let file = try directory.write(
      "{\"k\":\"a\",\"v\":1}\n{\"k\":\"a\",\n{\"k\":\"a\",\"v\":\"x\"}\nnonsense\n{\"k\":\"a\",\"v\":2}\n",
      to: "rows.ndjson")
    let outcome = try tidemark(
      "aggregate", file, "--group-by", "k", "--sum", "v", "--skip-bad-rows", "--state", state)
    #expect(outcome.status == 0)
    #expect(outcome.error.hasPrefix("3 bad rows are skipped:\n"), "\(outcome.error)")
    #expect(try tidemark("get", "a", "--state", state).output == "{\"k\":\"a\",\"sum(v)\":3}\n")
  }

  @Test func theListIsBoundedAndARunCanGoOnWithIt() throws {
    var text = "k,v\n"
    for number in 0..<100 { text += "a,1\nbad\(number)\n" }
    let file = try directory.write(text, to: "rows.csv")
    let arguments = ["aggregate", file, "--group-by", "k", "--sum", "v", "--state", state]
    #expect(try run(commandPath(), arguments).status == 65)
    let outcome = try run(commandPath(), arguments + ["--skip-bad-rows", "--commit-records", "7"])
    #expect(outcome.status == 0)
    #expect(outcome.error.split(separator: "\n").count == 22)
    #expect(outcome.error.hasSuffix("  and 80 more\n"), "\(outcome.error)")
    #expect(try tidemark("get", "a", "--state", state).output == "{\"k\":\"a\",\"sum(v)\":100}\n")
  }
}
