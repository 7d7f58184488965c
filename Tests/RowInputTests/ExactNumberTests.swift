import Foundation
import Testing

@testable import RowInput

/// Numbers of any size, against sums and comparisons computed with whole numbers.
@Suite struct ExactNumberTests {
  private func parse(_ text: String) throws -> ExactNumber? { try ExactNumber.parse(Array(text.utf8).rawBytes) }

  @Test func theRepresentationIsTheOnlyOne() throws {
    for (left, right) in [
      ("1e40", "10000000000000000000000000000000000000000"), ("1e-40", "0.00000000000000000000000000000000000000010"),
      ("-0e400", "0"), ("12345678901234567890123456789012345678901.50", "12345678901234567890123456789012345678901.5"),
      ("1e38", "100000000000000000000000000000000000000"), ("+5e-324", "0.5E-323"),
    ] {
      let (a, b) = (try parse(left), try parse(right))
      #expect(a == b && a?.description == b?.description, "\(left) \(right)")
      // The printed number reads back as the same number.
      #expect(try parse(#require(a).description) == a, "\(left)")
    }
  }

  @Test func textsAreAsShortAsTheyCanBe() throws {
    for (text, shown) in [
      ("-1.7976931348623157e308", "-1.7976931348623157e308"), ("5e-324", "5e-324"), ("1e40", "1e40"),
      ("1e38", "1" + String(repeating: "0", count: 38)),
      (
        "7654321.500000000000000000000000000000000000000000001", "7654321.500000000000000000000000000000000000000000001"
      ),
    ] { #expect(try parse(text)?.description == shown) }
  }

  @Test func sumsAndOrderAreExact() throws {
    // Random numbers with up to 60 digits and exponents down to -60.
    var random = SeededGenerator.forTest()
    for _ in 0..<2000 {
      let digits = (0..<2).map { _ in
        (0..<Int.random(in: 1...60, using: &random)).map { _ in Int.random(in: 0...9, using: &random) }
      }
      let scales = (0..<2).map { _ in Int.random(in: 0...60, using: &random) }
      let texts = (0..<2).map { index in digits[index].map(String.init).joined() + "e-\(scales[index])" }
      let (a, b) = (try #require(try parse(texts[0])), try #require(try parse(texts[1])))
      let sum = a.adding(b)
      #expect(sum == b.adding(a), "\(texts)")
      // Schoolbook addition of the digits, aligned at the point.
      let width = 130
      func aligned(_ index: Int) -> [Int] {
        Array(repeating: 0, count: width - digits[index].count - (60 - scales[index])) + digits[index]
          + Array(repeating: 0, count: 60 - scales[index])
      }
      let (left, right) = (aligned(0), aligned(1))
      var (result, carry) = ([Int](repeating: 0, count: width), 0)
      for place in (0..<width).reversed() {
        let value = left[place] + right[place] + carry
        (result[place], carry) = (value % 10, value / 10)
      }
      #expect(try parse(result.map(String.init).joined() + "e-60") == sum, "\(texts)")
      #expect((a < b) == left.lexicographicallyPrecedes(right), "\(texts)")
      #expect((a == b) == (left == right), "\(texts)")
      let negative = try #require(try parse("-" + texts[1]))
      #expect(sum.adding(negative) == a, "\(texts)")
    }
  }

  @Test func whatNobodyMeansIsOutOfRange() {
    for text in [
      "1e309", "1e400", "1e-325", "-1e309", "1e99999999999999999999", "-1e-99999999999999999999",
      String(repeating: "9", count: 10_001),
    ] {
      #expect(throws: ExactDecimal.ParseError.outOfRange) { _ = try parse(text) }
    }
    for text in ["1e", "--1", "1.2.3", "1e5x", "x"] {
      #expect(throws: ExactDecimal.ParseError.notANumber) { _ = try parse(text) }
    }
  }
}
