import Foundation
import Testing

@testable import RowInput

@Suite struct ExactDecimalTests {
  func parse(_ text: String) throws(ExactDecimal.ParseError) -> ExactDecimal? {
    try ExactDecimal.parse(Array(text.utf8).rawBytes)
  }

  func number(_ text: String) throws -> ExactDecimal { try #require(try parse(text)) }

  static let texts: [(String, String)] = [
    ("0", "0"), ("-0", "0"), ("+0.000", "0"), ("0e99999999999999999999", "0"), ("1", "1"), ("-2.50", "-2.5"),
    ("17850.0", "17850"), ("+7", "7"), ("007", "7"), (".5", "0.5"), ("5.", "5"), ("-.05", "-0.05"),
    ("1.5e3", "1500"), ("1.5E-3", "0.0015"), ("15e+1", "150"), (" \t12 ", "12"), ("100", "100"),
    ("1000.0001", "1000.0001"),
    ("123456789012345678", "123456789012345678"), ("1234567890123456789", "1234567890123456789"),
    ("1.000000000000000000000000000000000000000000000000", "1"), ("1000000000000000000000e-21", "1"),
    ("100000000000000000001", "100000000000000000001"), ("900000000000000009", "900000000000000009"),
    ("0.000000000000000000000000000000000001", "0.000000000000000000000000000000000001"),
    ("170141183460469231731687303715884105727", "170141183460469231731687303715884105727"),
    ("-170141183460469231731687303715884105728", "-170141183460469231731687303715884105728"),
    ("170.141183460469231731687303715884105727", "170.141183460469231731687303715884105727"),
    ("1e38", "100000000000000000000000000000000000000"),
    ("0.0000000000000000000000000000000000000000001e43", "1"),
  ]

  @Test(arguments: texts) func textsHaveOneForm(_ text: String, _ canonical: String) throws {
    let value = try number(text)
    #expect(value.description == canonical)
    #expect(try number(canonical) == value)
    #expect(value.scale == 0 || value.mantissa % 10 != 0)
  }

  @Test(arguments: ["", " ", "\t  "]) func blankIsNothing(_ text: String) throws { #expect(try parse(text) == nil) }

  @Test(arguments: [
    "a", "-", "+", ".", "-.", "e5", "1e", "1e+", "1e5x", "1 2", "1,000", "1..2", "1.2.3", "--1", "+-1", "0x10", "NaN",
    "inf",
    "1e1.5", "１", "1_000", "999999999999999999999999999999999999999999x", "\0",
  ]) func whatIsNoNumber(_ text: String) {
    #expect(throws: ExactDecimal.ParseError.notANumber) { try parse(text) }
  }

  @Test(arguments: [
    "170141183460469231731687303715884105728", "-170141183460469231731687303715884105729", "1e39",
    "1e99999999999999999999",
    "1e-37", "0.0000000000000000000000000000000000001", "1e-99999999999999999999",
    "340282366920938463463374607431768211456", "1234567890123456789012345678901234567890123",
    "1.0000000000000000000000000000000000000000001",
  ]) func whatDoesNotFit(_ text: String) {
    #expect(throws: ExactDecimal.ParseError.outOfRange) { try parse(text) }
  }

  @Test func sumsAndOrderAreThoseOfFoundation() throws {
    var random = SeededGenerator.forTest()
    func next() -> String {
      let digits = String(
        UInt64.random(in: 0...UInt64.max, using: &random) >> UInt64.random(in: 0...63, using: &random))
      let scale = Int.random(in: 0...12, using: &random)
      return (Bool.random(using: &random) ? "-" : "") + digits + "e-\(scale)"
    }
    for _ in 0..<5000 {
      let (left, right) = (next(), next())
      let (a, b) = (try number(left), try number(right))
      let (x, y) = (try #require(Decimal(string: left)), try #require(Decimal(string: right)))
      #expect(a.adding(b)?.description == (x + y).description, "\(left) + \(right)")
      #expect(a.description == x.description)
      #expect((a < b) == (x < y) && (a == b) == (x == y), "\(left) < \(right)")
      #expect(a.adding(b) == b.adding(a))
    }
  }

  @Test func sumsAreExactUpToTheLastDigit() throws {
    // Compares with integers: both numbers are brought to the same scale, which always fits.
    var random = SeededGenerator.forTest()
    for _ in 0..<5000 {
      let scales = (Int.random(in: 0...18, using: &random), Int.random(in: 0...18, using: &random))
      let left = Int128(Int64.random(in: .min...(.max), using: &random))
      let right = Int128(Int64.random(in: .min...(.max), using: &random))
      let a = try #require(ExactDecimal(mantissa: left, scale: scales.0))
      let b = try #require(ExactDecimal(mantissa: right, scale: scales.1))
      let common = max(scales.0, scales.1)
      let x = left * Int128(powerOfTen(common - scales.0))
      let y = right * Int128(powerOfTen(common - scales.1))
      #expect(a.adding(b) == ExactDecimal(mantissa: x + y, scale: common))
      #expect((a < b) == (x < y))
      #expect((b < a) == (y < x))
    }
  }

  @Test func sumsAtTheEdge() throws {
    let greatest = try number("170141183460469231731687303715884105727")
    let least = try number("-170141183460469231731687303715884105728")
    let one = try number("1")
    #expect(greatest.adding(one) == nil)
    #expect(least.adding(try number("-1")) == nil)
    #expect(least.adding(least) == nil)
    #expect(greatest.adding(least)?.description == "-1")
    #expect(greatest.adding(try number("0.1")) == nil)
    #expect(greatest.adding(try number("-0.1")) == nil)
    // The product exceeds the range, the sum doesn't.
    #expect(
      try number("17014118346046923173168730371588410573").adding(number("-0.5"))?.description
        == "17014118346046923173168730371588410572.5")
    #expect(
      try number("-17014118346046923173168730371588410573").adding(number("0.2"))?.description
        == "-17014118346046923173168730371588410572.8")
    #expect(try number("17014118346046923173168730371588410573").adding(number("-0.1")) == nil)
    // Trailing zeros after the point that the sum doesn't need.
    #expect(
      try number("17014118346046923173168730371588410572.5").adding(number("0.5"))?.description
        == "17014118346046923173168730371588410573")
    #expect(try number("0.5").adding(number("0.5"))?.description == "1")
    #expect(try number("2.55").adding(number("-2.55")) == .zero)
    #expect(least < greatest && !(greatest < least) && !(least < least))
    #expect(try number("0.000000000000000000000000000000000001") < greatest)
    #expect(try least < number("-0.000000000000000000000000000000000001"))
    #expect(try !(greatest < number("1.5")) && !(number("-1.5") < least))
  }

  @Test func partsAreBroughtToLowestTerms() {
    #expect(ExactDecimal(mantissa: 2500, scale: 2) == ExactDecimal(25))
    #expect(ExactDecimal(mantissa: 0, scale: 99) == .zero)
    #expect(ExactDecimal(mantissa: 10, scale: 37)?.description == "0.000000000000000000000000000000000001")
    #expect(ExactDecimal(mantissa: 1, scale: 37) == nil)
    #expect(ExactDecimal(Int.min).description == "\(Int.min)")
  }

  @Test func bytesRoundTrip() throws {
    var random = SeededGenerator.forTest()
    var values = try Self.texts.map { try number($0.0) }
    for _ in 0..<2000 {
      let wide = Int128(truncatingIfNeeded: UInt128.random(in: 0...UInt128.max, using: &random))
      let mantissa = wide >> Int128(Int.random(in: 0...127, using: &random))
      if let value = ExactDecimal(mantissa: mantissa, scale: Int.random(in: 0...36, using: &random)) {
        values.append(value)
      }
    }
    var bytes: [UInt8] = []
    for value in values { value.encode(into: &bytes) }
    var index = 0
    for value in values {
      let found = ExactDecimal(decoding: bytes.rawBytes, at: &index)
      #expect(found == value)
      #expect(try number(value.description) == value)
    }
    #expect(index == bytes.count)
    for value in values.prefix(200) {
      var one: [UInt8] = []
      value.encode(into: &one)
      #expect(one.count <= 20)
      for length in one.indices {
        var index = 0
        let found = ExactDecimal(decoding: Array(one[..<length]).rawBytes, at: &index)
        #expect(found == nil && index == 0)
      }
    }
  }

  @Test(
    arguments: [
      [37, 2], [255, 2], [1, 20], [1, 0], [0, 0x80, 0], [0, 0x82, 0x00],
      [0] + [UInt8](repeating: 0xFF, count: 18) + [4], [0] + [UInt8](repeating: 0xFF, count: 19) + [1],
    ] as [[UInt8]]) func bytesInAnotherFormAreRefused(_ bytes: [UInt8])
  {
    var index = 0
    let found = ExactDecimal(decoding: bytes.rawBytes, at: &index)
    #expect(found == nil && index == 0)
  }

  @Test func smallNumbersTakeTwoBytes() throws {
    var bytes: [UInt8] = []
    try number("-2.5").encode(into: &bytes)
    #expect(bytes == [1, 49])
  }
}
