import Foundation
import Testing
import Tidemark

@testable import TidemarkCommand

@Suite struct ConditionTests {
  @Test func conditionsAreReadAndWrittenBack() throws {
    for (text, expected) in [
      ("a=1", "a = 1"), ("a == 1 AND b!=x", "a = 1 and b != x"), ("a<=-2.5 and b>=c", "a <= -2.5 and b >= c"),
      ("Country = United Kingdom and n > 0", "Country = 'United Kingdom' and n > 0"),
      ("\"unit price\" < 3", "\"unit price\" < 3"), ("unit price < 3", "\"unit price\" < 3"),
      ("a = ''", "a = ''"), ("a = 'it''s'", "a = 'it''s'"), ("a = \"x and y\" and b = 2", "a = 'x and y' and b = 2"),
      ("a = rock and roll band", nil), ("a = android", "a = android"), ("a = 'x = y'", "a = 'x = y'"),
      ("", nil), ("a", nil), ("= 1", nil), ("a =", nil), ("a = 1 and", nil), ("a = 'x", nil), ("a = 1 or b = 2", nil),
      ("a = 'x' or b = 2", nil), ("a ! 1", nil),
    ] as [(String, String?)] {
      let found = try? Condition.parse(text).map(\.text).joined(separator: " and ")
      #expect(found == expected, "\(text)")
      if let found { #expect(try Condition.parse(found) == Condition.parse(text), "\(found)") }
    }
  }

  @Test(arguments: [
    ("10", ">", "9", true), ("10", ">", "9x", false), ("1.0", "=", "1", true), ("1e1", "=", "10", true),
    ("0.1", "<=", "0.10", true), ("x", "!=", "y", true), ("x", "=", "x", true), ("b", ">=", "b", true),
    ("", "<", "5", false), ("", ">=", "5", false), ("", "=", "", true), ("", "!=", "5", true),
    ("2011-02-01", "<", "2011-10-01", true), ("99999999999999999999.5", ">", "99999999999999999999", true),
  ])
  func numbersAreComparedByValueAndTextsByBytes(field: String, sign: String, value: String, holds: Bool) throws {
    let comparison = try #require(Condition.Comparison(rawValue: sign))
    let check = ConditionCheck(Condition(column: "c", comparison: comparison, value: value))
    #expect(try check.holds(for: Array(field.utf8).rawSpan) == holds)
  }

  @Test func onlyRowsThatFulfilAllConditionsCount() throws {
    let directory = try TemporaryDirectory()
    let file = try directory.write("k,v,c\na,10,DE\na,9,FR\nb,-1,DE\nb,x,IT\na,11,DE\n", to: "rows.csv")
    let arguments = ["aggregate", file, "--group-by", "k", "--sum", "v", "--state", directory("state")]
    let conditions = ["--where", "v >= 0 and c = DE", "--where", "v != 11"]
    let outcome = try run(commandPath(), arguments + conditions)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.error.contains("4 rows don't fulfil --where"), "\(outcome.error)")
    #expect(try tidemark("scan", "--json", "--state", directory("state")).output == "{\"k\":\"a\",\"sum(v)\":10}\n")
    #expect(try run(commandPath(), arguments).status == 78)
    let other = try run(commandPath(), arguments + ["--where", "v > 0"])
    #expect(other.error.contains("--where \"v >= 0 and c = DE and v != 11\""), "\(other.error)")
    let wrong = try run(commandPath(), arguments + ["--where", "v > 0 and"])
    #expect(wrong.status == 64)
    #expect(wrong.error.contains("--where \"v > 0 and\": a column is missing"), "\(wrong.error)")
  }
}
