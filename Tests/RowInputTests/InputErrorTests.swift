import Foundation
import Glibc
import Testing

@testable import RowInput

@Suite struct InputErrorTests {
  static let failures: [(String, String)] = [
    ("a,b\n1,2\n1\n", "rows.csv line 3: expected 2 fields, found 1"),
    ("a,b\n\"x\ny\",2\n\n1,2,3\n", "rows.csv line 5: expected 2 fields, found 3"),
    ("b\n1,2\n", "rows.csv line 2: expected 1 field, found 2"),
    ("", "rows.csv: empty, expected a header row"),
    ("\u{FEFF}", "rows.csv: empty, expected a header row"),
    ("\n\r\n", "rows.csv: empty, expected a header row"),
    ("a,\"c\n\"\n1,2\n", #"rows.csv: no column "b"; there are "a", "c\n""#),
    ("b,a,b\n1,2,3\n", #"rows.csv: column "b" appears twice in the header"#),
    ("a,b\n1,2\n\"3\n4\",\"5\n\n", "rows.csv line 4: unclosed quote"),
    ("a,\"b", "rows.csv line 1: unclosed quote"),
    ("a,b\n\"1\n\"x,2\n", "rows.csv line 3: text after a closing quote"),
    ("a,b\n1,\"2\"\r3\n", "rows.csv line 2: text after a closing quote"),
    ("a,b\n\n1,12a\n", #"rows.csv line 3: column "b" is not a number: "12a""#),
    (
      "a,b\n1,\"\(String(repeating: "x\n", count: 30))\"\n",
      "rows.csv line 2: column \"b\" is not a number: \"\(String(repeating: #"x\n"#, count: 20))…\""
    ),
    ("a,b\n1,1e40000\n", #"rows.csv line 2: column "b" is out of range: "1e40000""#),
  ]

  @Test(arguments: failures) func saysWhatIsWrongOnOneLine(_ text: String, _ message: String) throws {
    #expect(failure(try TemporaryFile(text), ["b"], numbers: [0]) == message)
  }

  @Test func duplicatesOfColumnsThatNobodyWantsAreNoError() throws {
    #expect(try table("b,a,a\n1,2,3\n", ["b"]) == [["1"]])
  }

  /// Objects may lack keys.
  @Test func aJSONFileLacksAColumnIfNoneOfItsRowsHasIt() throws {
    let file = try TemporaryFile("\n{\"a\":1,\"c\":{\"b\":2}}\n{\"b\":1}\n", name: "rows.jsonl")
    #expect(failure(file, ["b"]) == nil)
    #expect(failure(file, ["d"]) == #"rows.jsonl: no column "d"; there are "a", "c""#)
    #expect(failure(try TemporaryFile("{}", name: "rows.jsonl"), ["b"]) == nil, "nothing can be told")
    // Without its line end the last row may be half a row.
    let open = try TemporaryFile("{\"a\":1}\n{\"b\":2", name: "rows.jsonl")
    _ = try RowReader.open(open.path, columns: ["b"], holdsBackOpenRow: true)
    // More rows than are examined beforehand.
    let long = try TemporaryFile(String(repeating: "{\"a\":1}\n", count: 200_000), name: "rows.jsonl")
    var reader = try RowReader.open(long.path, columns: ["a", "b"])
    while try reader.next() {}
    #expect(reader.unseenColumn == "b")
  }

  @Test func invalidUTF8IsFoundAtEachPlace() throws {
    let row = Array("some text,\"ä\n→ and 𝄞\",x\n".utf8)
    let head = Array("a,b,c\nä,ö,ü\n".utf8)
    for place in row.indices where ![0x0A, 0x22, 0x2C].contains(row[place]) {
      var bytes = head + row
      // 0xFF never occurs in UTF-8; the sequence that it breaks starts before it.
      bytes[head.count + place] = 0xFF
      let start = bytes[..<(head.count + place)].lastIndex { $0 < 0x80 || $0 >= 0xC0 }.map { index in
        let length = bytes[index] < 0x80 ? 1 : bytes[index] < 0xE0 ? 2 : bytes[index] < 0xF0 ? 3 : 4
        return index + length > head.count + place ? index : head.count + place
      }
      let line = 3 + bytes[head.count..<(head.count + place)].count { $0 == 0x0A }
      #expect(
        failure(try TemporaryFile(bytes), ["c"])
          == "rows.csv line \(line): invalid UTF-8 at byte \(start ?? 0) of the file")
    }
    #expect(failure(try TemporaryFile([0x61, 0xC3]), ["a"]) == "rows.csv line 1: invalid UTF-8 at byte 1 of the file")
    let json = try TemporaryFile(
      Array("{\"a\":1}\n{\"a\":\"".utf8) + [0xC0, 0x80] + Array("\"}".utf8), name: "r.jsonl")
    #expect(failure(json, ["a"]) == "r.jsonl line 2: invalid UTF-8 at byte 14 of the file")
  }

  @Test func validityIsThatOfTheStandardLibrary() {
    var random = SeededGenerator.forTest()
    let edges: [UInt8] = [
      0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED,
    ]
    let more: [UInt8] = [0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF, 0x61]
    for _ in 0..<50_000 {
      let bytes = (0..<Int.random(in: 0...10, using: &random)).map { _ in (edges + more).randomElement(using: &random)!
      }
      let isValid = String(validating: bytes, as: UTF8.self) != nil
      #expect((bytes.rawBytes.firstInvalidUTF8(from: 0, to: bytes.count) == nil) == isValid, "\(bytes)")
    }
  }

  @Test func aRowThatIsTooLongIsAnError() throws {
    let file = try TemporaryFile("a,b\n1,\"" + String(repeating: "x", count: 5000))
    #expect(
      failure(file, ["a"], maximumRowBytes: 1000)
        == "rows.csv line 2: a row longer than 1000 bytes; is a quote unclosed?")
  }

  @Test func filesThatCannotBeReadSaySo() throws {
    let file = try TemporaryFile("a\n")
    func message(_ path: String) -> String {
      do {
        _ = try RowReader.open(path, columns: [])
        return "none"
      } catch { return "\(error)" }
    }
    #expect(message(file.path + "x") == "\(file.path)x: no such file")
    #expect(message(file.path + "/x") == "\(file.path)/x: no such file")
    let folder = URL(filePath: file.path).deletingLastPathComponent().path
    #expect(message(folder) == "\(folder): is a directory")
    #expect(message("/dev/null") == "/dev/null: reading failed: not a regular file")
    #expect(InputError(.init(errno: EACCES), file: "a\nb").description == "a?b: permission denied")
    #expect(InputError(.init(errno: EIO), file: "x").description == "x: reading failed: Input/output error")
  }

  @Test func afterAnErrorTheReaderStaysWhereItWas() throws {
    let file = try TemporaryFile("a,b\n1,2\n3\n5,6\n")
    var reader = try RowReader.open(file.path, columns: ["a"])
    let found = try reader.next()
    #expect(found)
    let position = reader.position
    for _ in 0..<2 {
      #expect(throws: InputError(.raggedRow(expected: 2, found: 1), file: file.path, line: 3)) {
        try nextOf(&reader)
      }
      #expect(reader.position == position)
    }
  }
}

private func nextOf(_ reader: inout RowReader) throws { _ = try reader.next() }
