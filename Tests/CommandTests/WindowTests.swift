import Foundation
import Testing

@testable import TidemarkCommand

@Suite struct WindowTests {
  let directory: TemporaryDirectory
  var state: String { directory("state") }

  init() throws { directory = try TemporaryDirectory() }

  @Test func timesAreReadInManyFormsAndPrintedInOne() {
    for (text, expected) in [
      ("2011-12-09", "2011-12-09T00:00:00Z"), ("2011-12-09 12:50:00", "2011-12-09T12:50:00Z"),
      ("2011-12-09T12:50", "2011-12-09T12:50:00Z"), (" 2011-12-09T12:50:00Z ", "2011-12-09T12:50:00Z"),
      ("2011-12-09T12:50:00.25Z", "2011-12-09T12:50:00.250Z"),
      ("2011-12-09T12:50:00,123999", "2011-12-09T12:50:00.123Z"),
      ("2011-12-09T00:30:00+02:00", "2011-12-08T22:30:00Z"), ("2011-12-31T23:30:00-0100", "2012-01-01T00:30:00Z"),
      ("2011-12-09 12:50:00 UTC", "2011-12-09T12:50:00Z"), ("2011-12-09T12:50:00+05", "2011-12-09T07:50:00Z"),
      ("2012-02-29", "2012-02-29T00:00:00Z"), ("2000-02-29", "2000-02-29T00:00:00Z"),
      ("0001-01-01", "0001-01-01T00:00:00Z"), ("9999-12-31T23:59:59.999", "9999-12-31T23:59:59.999Z"),
      ("20111209", "2011-12-09T00:00:00Z"), ("1323435000", "2011-12-09T12:50:00Z"),
      ("1323435000.5", "2011-12-09T12:50:00.500Z"), ("1323435000123", "2011-12-09T12:50:00.123Z"),
      ("-1000000000", "1938-04-24T22:13:20Z"), ("-1000000000.0001", "1938-04-24T22:13:19.999Z"),
      ("2011-12-09T24:00", "2011-12-10T00:00:00Z"), ("2011-12-09T12:50:60", "2011-12-09T12:51:00Z"),
    ] {
      #expect(EventTime.parse(text).map { EventTime.text($0) } == expected, "\(text)")
    }
    for text in [
      "", " ", "x", "2011-12", "2011-13-01", "2011-02-29", "1900-02-29", "2011-00-10", "2011-04-31", "2011-12-09T",
      "2011-12-09T24:01", "2011-12-09T12:60", "2011-12-09T12:50:61", "0", "-1", "2011", "2011-12-09T12:50Zx",
      "2011-12-09X12:50",
      "2011-12-09T12:50+2", "2011-12-09T12:50:00.", "253402300800000", "-99999999999999", "2011-12-9x", "9e40",
    ] {
      #expect(EventTime.parse(text) == nil, "\(text)")
    }
  }

  @Test func everyDayIsTheOneBehindTheDayBefore() throws {
    // Foundation's calendar gives a second opinion, over leap years and centuries.
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
    for day in stride(from: 0, to: 200_000, by: 13) {
      let parts = calendar.dateComponents(
        [.year, .month, .day], from: Date(timeIntervalSince1970: Double(day) * 86_400))
      let text = String(
        format: "%04d-%02d-%02dT00:00:00Z", try #require(parts.year), try #require(parts.month), try #require(parts.day)
      )
      #expect(EventTime.text(Int64(day) * 86_400_000) == text)
      #expect(EventTime.parse(text) == Int64(day) * 86_400_000)
    }
  }

  @Test func groupsAreDividedIntoWindowsAndLateRowsAreDropped() throws {
    let file = try directory.write(
      """
      t,k,v
      2011-12-01 10:00:00,a,1
      2011-12-01 10:59:59,a,2
      2011-12-01T11:00:00,a,4
      2011-12-01 10:30:00,a,8
      2011-12-01 12:00:00+01:00,b,16
      2011-12-01 09:00:00,b,32

      """, to: "rows.csv")
    let arguments = [file, "--window", "1h", "--time", "t", "--group-by", "k", "--sum", "v"]
    let none = try run(commandPath(), ["aggregate"] + arguments + ["--state", state])
    #expect(none.status == 0)
    #expect(none.error.contains("2 rows were late"), "\(none.error)")
    #expect(
      try tidemark("scan", "--csv", "--state", state).output == """
        window,k,sum(v)
        2011-12-01T10:00:00Z,a,3
        2011-12-01T11:00:00Z,a,4
        2011-12-01T11:00:00Z,b,16

        """)
    #expect(
      try tidemark("get", "2011-12-01 11:00", "b", "--state", state).output
        == "{\"window\":\"2011-12-01T11:00:00Z\",\"k\":\"b\",\"sum(v)\":16}\n")
    #expect(
      try tidemark("scan", "--from", "2011-12-01 11:00", "--csv", "--state", state).output.split(separator: "\n").count
        == 3)
    // The 10:00 window takes rows until stream time 11:00 + 1 s, the 9:00 window until 10:00 + 1 s.
    let grace = try run(commandPath(), ["aggregate"] + arguments + ["--grace", "1s", "--state", directory("grace")])
    #expect(grace.error.contains("1 rows were late"), "\(grace.error)")
    #expect(try tidemark("get", "2011-12-01T10:00:00Z", "a", "--state", directory("grace")).output.contains(":11}"))
  }

  @Test func lateRowsAndStreamTimeAreKeptFromRunToRun() throws {
    let first = try directory.write("t\n1000\n5000\n1000\n", to: "1.csv")
    let second = try directory.write("t\n4000\n5001\n", to: "2.csv")
    let options = ["--window", "1s", "--time", "t", "--time-unit", "s", "--state", state, "--progress", "json"]
    let one = try run(commandPath(), ["aggregate", first] + options)
    #expect(one.error.contains("\"lateRows\":1"), "\(one.error)")
    let two = try run(commandPath(), ["aggregate", first, second] + options)
    #expect(two.error.contains("\"lateRows\":2,\"notices\":[],\"offset\""), "\(two.error)")
    #expect(two.error.contains("\"records\":2,"), "\(two.error)")
    #expect(try tidemark("scan", "--csv", "--state", state).output.contains("1970-01-01T01:23:21Z,1\n"))
    #expect(try tidemark("verify", "--state", state).status == 0)
  }

  @Test func aBadTimeIsABadRow() throws {
    let file = try directory.write("t,k\n2011-12-01,a\nyesterday,a\n", to: "rows.csv")
    let outcome = try tidemark(
      "aggregate", file, "--window", "1d", "--time", "t", "--group-by", "k", "--state", state)
    #expect(outcome.status == 81)
    #expect(outcome.error.contains("line 3: column \"t\" is not a time: \"yesterday\""), "\(outcome.error)")
  }

  @Test func wrongWindowOptionsAreExplained() throws {
    let file = try directory.write("t\n2011-12-01\n", to: "rows.csv")
    for options in [
      ["--window", "1h"], ["--time", "t"], ["--window", "0", "--time", "t"], ["--window", "1y", "--time", "t"],
      ["--group-by", "t", "--grace", "1h"], ["--window", "-1h", "--time", "t"], [],
    ] {
      #expect(try run(commandPath(), ["aggregate", file, "--state", state] + options).status == 64, "\(options)")
    }
    #expect(try tidemark("aggregate", file, "--window", "90m", "--time", "t", "--state", state).status == 0)
    let other = try tidemark("aggregate", file, "--window", "1h", "--time", "t", "--state", state)
    #expect(other.status == 78)
    #expect(other.error.contains("`--window 90m --time t --count`"), "\(other.error)")
  }
}
