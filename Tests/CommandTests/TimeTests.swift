import Foundation
import Testing

/// Times as people write them, and times that nobody can mean.
@Suite struct TimeTests {
  let directory: TemporaryDirectory
  var state: String { directory("state") }

  init() throws { directory = try TemporaryDirectory() }

  private func aggregate(_ text: String, _ options: String...) throws -> Outcome {
    try run(
      commandPath(),
      ["aggregate", try directory.write(text, to: "in.csv"), "--time", "t", "--state", state] + options)
  }

  private func rows(_ options: String...) throws -> [String] {
    try run(commandPath(), ["scan", "--csv", "--state", state] + options).output.split(separator: "\n").dropFirst()
      .map(String.init)
  }

  /// Seen to fail with: window starts that are written with milliseconds only if these aren't 0.
  @Test func windowsBelowASecondAreInTheOrderOfTime() throws {
    let text = "t,n\n2024-01-01T00:00:00.000Z,1\n2024-01-01T00:00:00.500Z,2\n2024-01-01T00:00:01.000Z,4\n"
    #expect(try aggregate(text, "--window", "500ms", "--sum", "n").status == 0)
    #expect(
      try rows() == [
        "2024-01-01T00:00:00.000Z,1", "2024-01-01T00:00:00.500Z,2", "2024-01-01T00:00:01.000Z,4",
      ])
    #expect(try rows("--from", "2024-01-01T00:00:00Z", "--to", "2024-01-01T00:00:01Z").count == 2)
    #expect(
      try tidemark("get", "2024-01-01T00:00:01Z", "--state", state).output.contains("\"sum(n)\":4"))
  }

  /// Seen to fail with: rounding that overflows; numbers of any size taken for seconds.
  @Test(arguments: [
    ("20240131", "2024-01-31T00:00:00Z"), ("20240131235959", "2024-01-31T00:00:00Z"),
    ("1706659200", "2024-01-31T00:00:00Z"), ("1706745599.999999999999999999999999999", "2024-01-31T00:00:00Z"),
    ("1706659200000", "2024-01-31T00:00:00Z"), ("1706659200000000", "2024-01-31T00:00:00Z"),
    ("1706659200000000000", "2024-01-31T00:00:00Z"), ("2024-01-31T24:00", "2024-02-01T00:00:00Z"),
    ("2024-01-31T23:59:60Z", "2024-02-01T00:00:00Z"), ("-1000000000.5", "1938-04-24T00:00:00Z"),
  ])
  func timesAreRead(_ time: String, _ day: String) throws {
    let outcome = try aggregate("t,n\n\(time),1\n", "--window", "1d", "--sum", "n")
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(try rows() == ["\(day),1"])
  }

  @Test(arguments: [
    "2024", "45322", "0", "202401", "20241331", "20240131246060", "170665920", "17066592001",
    "-17014118346.0469231731687303715884105728", "99999999999999999999999999999999999999", "2024-01-31T24:01",
    "2024-01-31T23:59:61Z", "1e400",
  ])
  func whatIsNoTimeIsABadRow(_ time: String) throws {
    let outcome = try aggregate("t,n\n\(time),1\n", "--window", "1d", "--sum", "n")
    #expect(outcome.status == 81, "\(outcome.error)")
    #expect(outcome.error.contains("line 2: column \"t\" is not a time"), "\(outcome.error)")
  }

  @Test(arguments: [
    ("s", "0", "1970-01-01"), ("ms", "20240131", "1970-01-01"), ("us", "86400000000", "1970-01-02"),
    ("ns", "-1", "1969-12-31"),
  ])
  func aUnitCanBeSaid(_ unit: String, _ time: String, _ day: String) throws {
    #expect(try aggregate("t,n\n\(time),1\n", "--window", "1d", "--sum", "n", "--time-unit", unit).status == 0)
    #expect(try rows() == ["\(day)T00:00:00Z,1"])
    #expect(try aggregate("t,n\n\(time),1\n", "--window", "1d", "--sum", "n").status == 78)
  }

  /// Seen to fail with: one row of the year 9999, after which all others are late.
  @Test func aRowOfTheFutureIsABadRow() throws {
    let text = "t,n\n2024-01-01T10:00:00Z,1\n9999-12-31,1\n" + (10..<60).map { "2024-01-01T11:\($0):00Z,1\n" }.joined()
    let refused = try aggregate(text, "--window", "1h", "--count")
    #expect(refused.status == 81, "\(refused.error)")
    #expect(refused.error.contains("line 3: column \"t\" is later than") && refused.error.contains("--latest-time"))
    let outcome = try aggregate(text, "--window", "1h", "--count", "--skip-bad-rows")
    #expect(outcome.status == 0 && outcome.error.hasPrefix("1 bad rows are skipped"), "\(outcome.error)")
    #expect(try rows() == ["2024-01-01T10:00:00Z,1", "2024-01-01T11:00:00Z,50"])
  }

  @Test func aLatestTimeCanBeSaid() throws {
    let text = "t,n\n2024-01-01,1\n2999-01-01,1\n"
    #expect(try aggregate(text, "--window", "1d", "--count", "--latest-time", "3000-01-01").status == 0)
    #expect(try rows().count == 2)
    #expect(try aggregate(text, "--window", "1d", "--latest-time", "tomorrow").status == 64)
  }

  /// Seen to fail with: a list that ends after the first twenty.
  @Test func rejectedRowsCanBeHad() throws {
    var text = "t,n\n2024-01-02,1\n"
    for number in 0..<30 { text += "2024-01-01,\(number)\n\"no \"\"time\"\"\",\(number)\n" }
    let rejects = directory("rejects.ndjson")
    let outcome = try aggregate(text, "--window", "1d", "--sum", "n", "--skip-bad-rows", "--rejects", rejects)
    #expect(outcome.status == 0, "\(outcome.error)")
    let itself = try aggregate(text, "--window", "1d", "--sum", "n", "--rejects", directory("in.csv"))
    #expect(itself.status == 64 && itself.error.contains("name another file"), "\(itself.error)")
    let lines = try String(contentsOfFile: rejects, encoding: .utf8).split(separator: "\n")
    #expect(lines.count == 60)
    #expect(
      lines[0].hasSuffix(#","line":3,"reason":"late: its window had ended","row":"2024-01-01,0"}"#), "\(lines[0])")
    #expect(
      lines[1].hasSuffix(
        #","line":4,"reason":"column \"t\" is not a time: \"no \\\"time\\\"\"","row":"\"no \"\"time\"\"\",0"}"#),
      "\(lines[1])")
  }
}
