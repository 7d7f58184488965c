import Foundation
import Testing

/// Numbers of any size, and texts that look like numbers.
@Suite struct NumberTests {
  let directory: TemporaryDirectory
  var state: String { directory("state") }

  init() throws { directory = try TemporaryDirectory() }

  private func aggregate(_ text: String, _ options: String..., name: String = "in.csv") throws -> Outcome {
    try run(commandPath(), ["aggregate", try directory.write(text, to: name), "--state", state] + options)
  }

  private func rows() throws -> String { try tidemark("scan", "--csv", "--state", state).output }

  /// Seen to fail with: numbers of more than 38 digits that are ordered as texts.
  @Test func greatAndSmallNumbersAreOrderedByValue() throws {
    let text = "g,x\na,5\na,1e-40\na,3\nb,7\nb,-1.7976931348623157e308\nb,9\nc,2\nc,-1.7976931348623157e308\n"
    #expect(try aggregate(text, "--group-by", "g", "--min", "x", "--max", "x").status == 0)
    let great = "-1.7976931348623157e308"
    #expect(try rows() == "g,min(x),max(x)\na,1e-40,5\nb,\(great),9\nc,\(great),2\n")
  }

  @Test func conditionsCompareThemAsWell() throws {
    let text = "g,x\na,1e-40\na,0.5\na,20\na,-1e300\na,text\n"
    #expect(try aggregate(text, "--group-by", "g", "--count", "--where", "x < 10").status == 0)
    #expect(try rows() == "g,count\na,3\n")
  }

  /// Seen to fail with: sums of at most 38 digits.
  @Test func sumsTakeAsManyDigitsAsTheyNeed() throws {
    let text = """
      {"g":"a","x":7654321.5}
      {"g":"a","x":5.551115123125783e-17}
      {"g":"a","x":1}
      {"g":"b","x":1e200}
      {"g":"b","x":-1e200}
      {"g":"b","x":2.5}
      {"g":"c","x":1.5e308}
      {"g":"c","x":1.5e308}

      """
    #expect(try aggregate(text, "--group-by", "g", "--sum", "x", name: "in.ndjson").status == 0)
    #expect(try rows() == "g,sum(x)\na,7654322.50000000000000005551115123125783\nb,2.5\nc,3e308\n")
    #expect(try tidemark("verify", "--state", state).status == 0)
  }

  @Test func aNumberThatNobodyMeansIsABadRow() throws {
    for column in ["--sum", "--min", "--max"] {
      let outcome = try aggregate("g,x\na,1\na,1e99999999999\n", "--group-by", "g", column, "x")
      #expect(
        outcome.status == 81 && outcome.error.contains("line 3: column \"x\" is out of range"), "\(outcome.error)")
      try FileManager.default.removeItem(atPath: state)
    }
    let outcome = try aggregate("g,x\na,1\na,-1e99999999999\n", "--group-by", "g", "--where", "x < 5")
    #expect(outcome.status == 81, "\(outcome.error)")
    let literal = try aggregate("g,x\na,1\n", "--group-by", "g", "--where", "x < 1e400")
    #expect(literal.status == 64 && literal.error.contains("out of range"), "\(literal.error)")
  }

  /// Seen to fail with: quotes that are ignored.
  @Test(arguments: [("01234", 1), ("1E3", 1), ("0e462097431906509019562988736854", 1)])
  func aValueInQuotesIsAText(_ code: String, _ count: Int) throws {
    let text =
      "id,code\n1,01234\n2,1234\n3,1E3\n4,1000\n5,0e462097431906509019562988736854\n6,0e830400451993494058024219903391\n"
    #expect(try aggregate(text, "--group-by", "id", "--where", "code = '\(code)'").status == 0)
    #expect(try rows().split(separator: "\n").count == count + 1)
    // The same command works again.
    #expect(try aggregate(text, "--group-by", "id", "--where", "code = '\(code)'").status == 0)
    let plain = try aggregate(text, "--group-by", "id", "--where", "code = \(code)")
    #expect(plain.status == 78, "\(plain.error)")
  }

  /// Seen to fail with: texts that are compared as `String` compares them.
  @Test func twoSpellingsOfALetterAreTwoTexts() throws {
    let text = "g,x\na,\u{212B}\nb,A\u{30A}\n"
    #expect(try aggregate(text, "--group-by", "g", "--last", "x", "--null", "\u{212B}").status == 0)
    #expect(try rows() == "g,last(x)\na,\nb,A\u{30A}\n")
  }

  /// Seen to fail with: JSON that has the same name twice.
  @Test func eachColumnOfTheResultHasANameOfItsOwn() throws {
    #expect(try aggregate("count,a\nx,1\nx,2\n", "--group-by", "count", "--count", "--sum", "a").status == 0)
    #expect(try tidemark("scan", "--json", "--state", state).output == "{\"count\":\"x\",\"count_2\":2,\"sum(a)\":3}\n")
    #expect(try tidemark("scan", "--csv", "--state", state).output == "count,count_2,sum(a)\nx,2,3\n")
    for name in ["count", "count_2"] { #expect(try tidemark("top", "--by", name, "--state", state).status == 0) }
  }
}
