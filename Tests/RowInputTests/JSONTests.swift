import Foundation
import Testing

@testable import RowInput

@Suite struct JSONTests {
  struct Case: CustomTestStringConvertible {
    var line: String
    var fields: [String]
    var testDescription: String { line }
  }

  static let cases = [
    Case(line: #"{"a":"x","b":"y"}"#, fields: ["x", "y"]),
    Case(line: #" { "b" : "y" , "a" : "x" } "#, fields: ["x", "y"]),
    Case(line: #"{"a":1,"b":-2.50e+3}"#, fields: ["1", "-2.50e+3"]),
    Case(line: #"{"a":0,"b":0.5E-2}"#, fields: ["0", "0.5E-2"]),
    Case(line: #"{"a":true,"b":false}"#, fields: ["true", "false"]),
    Case(line: #"{"a":null,"b":""}"#, fields: ["", ""]),
    Case(line: #"{"c":1}"#, fields: ["", ""]),
    Case(line: #"{}"#, fields: ["", ""]),
    Case(line: #"{ }"#, fields: ["", ""]),
    Case(line: #"{"a":{"b":[1, {"a":2}]},"b":[ ]}"#, fields: [#"{"b":[1, {"a":2}]}"#, "[ ]"]),
    Case(line: #"{"c":{"a":3},"a":"]","b":"}"}"#, fields: ["]", "}"]),
    Case(line: #"{"a":"\"\\\/\b\f\n\r\t","b":"x\ny"}"#, fields: ["\"\\/\u{8}\u{C}\n\r\t", "x\ny"]),
    Case(line: #"{"a":"\u00e4\u0041\u20AC","b":"\ud834\udd1e!"}"#, fields: ["äA€", "𝄞!"]),
    Case(line: #"{"a":"\u0000","b":"\uFFFF"}"#, fields: ["\0", "\u{FFFF}"]),
    Case(line: #"{"\u0061":"x","\u0062":"y"}"#, fields: ["x", "y"]),
    Case(
      line: #"{"a":"Ä→𝄞","b":"a long text without any escape"}"#, fields: ["Ä→𝄞", "a long text without any escape"]),
  ]

  @Test(arguments: cases) func findsTheValuesOfKeys(_ item: Case) throws {
    let first = #"{"a":1,"b":2}"#
    for bufferBytes in [1, 3, 8, 64, 4096] {
      for lineBreak in ["\n", "\r\n", "\n\n \t\n"] {
        let text = first + lineBreak + item.line + lineBreak
        let found = try table(text, ["a", "b"], name: "rows.jsonl", bufferBytes: bufferBytes)
        #expect(found == [["1", "2"], item.fields])
      }
      let found = try table(first + "\n" + item.line, ["a", "b"], name: "rows.jsonl", bufferBytes: bufferBytes)
      #expect(found == [["1", "2"], item.fields])
    }
  }

  static let faults: [(String, String)] = [
    ("[1]", "1 of the line: expected a JSON object"),
    ("{", "2 of the line: expected a key in quotes"),
    (#"{"a""#, #"5 of the line: expected ":""#),
    (#"{"a":}"#, "6 of the line: expected a value"),
    (#"{"a":tru}"#, "6 of the line: expected a value"),
    (#"{"a":1"#, #"7 of the line: expected "," or "}""#),
    (#"{"a":1,}"#, "8 of the line: expected a key in quotes"),
    (#"{"a":1} x"#, "9 of the line: expected the end of the line after the object"),
    (#"{"a":01}"#, "7 of the line: a number starts with 0"),
    (#"{"a":-}"#, "7 of the line: expected a digit"),
    (#"{"a":1.}"#, "8 of the line: expected a digit"),
    (#"{"a":1e+}"#, "9 of the line: expected a digit"),
    (#"{"a":[1 2]}"#, #"9 of the line: expected "," or "]""#),
    (#"{"a":"x}"#, "6 of the line: unclosed string"),
    ("{\"a\":\"x\u{1}\"}", "8 of the line: a control character in a string"),
    (#"{"a":"\x"}"#, "7 of the line: an unknown escape"),
    (#"{"a":"\u12g4"}"#, "7 of the line: expected four hexadecimal digits"),
    (#"{"a":"\ud834"}"#, "7 of the line: a lone surrogate"),
    (#"{"a":"\ud834\u0041"}"#, "7 of the line: a lone surrogate"),
    (#"{"a":"\udd1e"}"#, "7 of the line: a lone surrogate"),
    (#"{"a":1,"a":2}"#, "12 of the line: a key appears twice"),
    (#"{"a":null,"a":2}"#, "15 of the line: a key appears twice"),
  ]

  @Test(arguments: faults) func saysWhatIsWrong(_ line: String, _ message: String) throws {
    let file = try TemporaryFile("{\"a\":1}\n\n\(line)\n", name: "rows.ndjson")
    #expect(failure(file, ["a"]) == "rows.ndjson line 3: bad JSON at byte \(message)")
  }

  @Test func depthIsBounded() throws {
    func nested(_ depth: Int) -> String {
      #"{"a":"# + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "}"
    }
    #expect(try table(nested(255), ["a"], name: "rows.json").count == 1)
    let deep = try TemporaryFile(nested(100_000), name: "rows.json")
    #expect(failure(deep, ["a"]) == "rows.json line 1: bad JSON at byte 261 of the line: nested too deeply")
  }

  @Test func anEmptyFileHasNoRows() throws {
    #expect(try table("", ["a"], name: "rows.ndjson") == [])
    #expect(try table("\n \n", ["a"], name: "rows.ndjson") == [])
  }

  @Test func formatIsTakenFromTheNameOrTheFirstByte() throws {
    #expect(try table("{\"a\":1}\n", ["a"], name: "rows") == [["1"]])
    #expect(try table("\u{FEFF} \n{\"a\":1}\n", ["a"], name: "rows.txt", bufferBytes: 1) == [["1"]])
    #expect(try table("a\n1\n", ["a"], name: "rows.txt", bufferBytes: 1) == [["1"]])
    #expect(try table("{a\n1\n", ["{a"], name: "rows.CSV") == [["1"]])
    let named = try TemporaryFile("{\"a\":1}\n", name: "rows.csv")
    #expect(try rows(of: named, ["a"], format: .ndjson).map(\.fields) == [["1"]])
    #expect(RowFormat(fileName: "a.b/rows") == nil)
    #expect(RowFormat(fileName: "rows.jsonl") == .ndjson)
  }

  @Test func stringsAreWrittenAsJSON() {
    func written(_ bytes: [UInt8]) -> String {
      var output = Array("x".utf8)
      appendJSONString(bytes.rawBytes, to: &output)
      return String(decoding: output.dropFirst(), as: UTF8.self)
    }
    #expect(written([]) == #""""#)
    #expect(written(Array("a\"b\\c/".utf8)) == #""a\"b\\c/""#)
    #expect(written(Array("\u{8}\u{C}\n\r\t\u{0}\u{1F}\u{7F}".utf8)) == "\"\\b\\f\\n\\r\\t\\u0000\\u001f\u{7F}\"")
    #expect(written(Array("ä→𝄞\u{2028}".utf8)) == "\"ä→𝄞\u{2028}\"")
    #expect(written([0x61, 0xFF, 0xC3, 0x62, 0xF0, 0x9D, 0x84]) == "\"a\u{FFFD}\u{FFFD}b\u{FFFD}\"")
  }

  @Test func whatIsWrittenIsReadBack() throws {
    var random = SeededGenerator.forTest()
    for _ in 0..<200 {
      let scalars = (0..<Int.random(in: 0...30, using: &random)).map { _ in
        Unicode.Scalar(UInt32.random(in: 0...(Bool.random(using: &random) ? 0x80 : 0x10FFFF), using: &random)) ?? "\""
      }
      let text = String(String.UnicodeScalarView(scalars))
      var line = Array(#"{"a":"#.utf8)
      appendJSONString(Array(text.utf8).rawBytes, to: &line)
      line += Array("}\n".utf8)
      let file = try TemporaryFile(line, name: "rows.jsonl")
      #expect(try rows(of: file, ["a"], bufferBytes: 7).map { Array($0.fields[0].utf8) } == [Array(text.utf8)])
      // Foundation serves as an independent reader, and as a writer that escapes differently.
      let object = try JSONSerialization.jsonObject(with: Data(line)) as? [String: String]
      #expect(object?["a"].map { Array($0.utf8) } == Array(text.utf8))
      let other = try JSONSerialization.data(withJSONObject: ["a": text])
      let otherFile = try TemporaryFile(Array(other), name: "rows.jsonl")
      #expect(try rows(of: otherFile, ["a"]).map { Array($0.fields[0].utf8) } == [Array(text.utf8)])
    }
  }
}
