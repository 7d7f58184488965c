import Testing

@testable import RowInput

@Suite struct CSVTests {
  struct Case: CustomTestStringConvertible {
    var name: String
    var text: String
    var rows: [[String]]
    var testDescription: String { name }
  }

  static let cases = [
    Case(name: "plain", text: "a,b\n1,2\n3,4\n", rows: [["1", "2"], ["3", "4"]]),
    Case(name: "no line break at the end", text: "a,b\n1,2", rows: [["1", "2"]]),
    Case(name: "CR LF", text: "a,b\r\n1,2\r\n3,4\r\n", rows: [["1", "2"], ["3", "4"]]),
    Case(name: "mixed line breaks", text: "a,b\r\n1,2\n3,4\r\n5,6", rows: [["1", "2"], ["3", "4"], ["5", "6"]]),
    Case(name: "CR at the end of the file", text: "a,b\r\n1,2\r", rows: [["1", "2"]]),
    Case(name: "CR behind a quote at the end of the file", text: "a,b\r\n1,\"2\"\r", rows: [["1", "2"]]),
    Case(name: "CR inside a field", text: "a,b\n1\r2,3\n", rows: [["1\r2", "3"]]),
    Case(name: "quoted", text: "a,b\n\"1\",\"2\"\n", rows: [["1", "2"]]),
    Case(name: "quoted header", text: "\"a\",\"b\"\n1,2\n", rows: [["1", "2"]]),
    Case(name: "comma in quotes", text: "a,b\n\"1,1\",2\n", rows: [["1,1", "2"]]),
    Case(name: "doubled quotes", text: "a,b\n\"\"\"x\"\" y\",\"\"\"\"\n", rows: [["\"x\" y", "\""]]),
    Case(name: "doubled quotes only", text: "a,b\n\"\"\"\"\"\",2", rows: [["\"\"", "2"]]),
    Case(name: "line breaks in quotes", text: "a,b\n\"1\n2\r\n3\",4\n5,6\n", rows: [["1\n2\r\n3", "4"], ["5", "6"]]),
    Case(name: "empty fields", text: "a,b\n,\n\"\",\n,\"\"\n", rows: [["", ""], ["", ""], ["", ""]]),
    Case(name: "quote inside an unquoted field", text: "a,b\n6\" nail,x\"y\"\n", rows: [["6\" nail", "x\"y\""]]),
    Case(name: "spaces are kept", text: "a,b\n 1 ,\" 2 \"\n", rows: [[" 1 ", " 2 "]]),
    Case(name: "space before a quote", text: "a,b\n \"1\",2\n", rows: [[" \"1\"", "2"]]),
    Case(name: "byte order mark", text: "\u{FEFF}a,b\n1,2\n", rows: [["1", "2"]]),
    Case(name: "byte order mark and quotes", text: "\u{FEFF}\"a\",b\n1,2\n", rows: [["1", "2"]]),
    Case(name: "blank lines", text: "\n\r\na,b\n\n1,2\n\r\n\n3,4\n\n", rows: [["1", "2"], ["3", "4"]]),
    Case(name: "header alone", text: "a,b\n", rows: []),
    Case(name: "header without a line break", text: "a,b", rows: []),
    Case(name: "not ASCII", text: "a,b\nÄ,\"→𝄞\"\n", rows: [["Ä", "→𝄞"]]),
    Case(name: "NUL", text: "a,b\n\0,\"\0\"\n", rows: [["\0", "\0"]]),
    Case(name: "last field empty at the end", text: "a,b\n1,", rows: [["1", ""]]),
  ]

  @Test(arguments: cases) func readsWhatRFC4180Says(_ item: Case) throws {
    for bufferBytes in [1, 2, 3, 5, 7, 8, 9, 16, 64, 4096] {
      #expect(try table(item.text, ["a", "b"], bufferBytes: bufferBytes) == item.rows, "buffer \(bufferBytes)")
    }
  }

  @Test func blankLinesAreRowsOfASingleColumn() throws {
    #expect(try table("a\n1\n\n\"\"\n2\n", ["a"]) == [["1"], [""], [""], ["2"]])
  }

  @Test func quotesTellEmptyFromNothing() throws {
    let file = try TemporaryFile("a,b\n,\"\"\n")
    var reader = try RowReader.open(file.path, columns: ["a", "b"])
    let found = try reader.next()
    #expect(found)
    let areQuoted = [reader.isQuoted(0), reader.isQuoted(1)]
    #expect(areQuoted == [false, true])
  }

  @Test func columnsComeInTheOrderAskedFor() throws {
    let text = "a,b,c\n1,\"2\"\"2\",3\n"
    #expect(try table(text, ["c", "a"]) == [["3", "1"]])
    #expect(try table(text, ["b", "b", "a", "b"]) == [["2\"2", "2\"2", "1", "2\"2"]])
    #expect(try table(text, []) == [[]])
  }

  @Test func namesAreComparedByteForByte() throws {
    // The same letter in two spellings, which `String` takes for equal.
    #expect(try table("\u{E9},e\u{301}\n1,2\n", ["e\u{301}", "\u{E9}"]) == [["2", "1"]])
  }

  @Test func moreColumnsThanExpectedAtFirst() throws {
    let names = (0..<200).map { "c\($0)" }
    let text = names.joined(separator: ",") + "\n" + (0..<200).map(String.init).joined(separator: ",")
    #expect(try table(text, ["c199", "c0", "c100"], bufferBytes: 8) == [["199", "0", "100"]])
  }

  @Test func linesCountBreaksInsideQuotes() throws {
    let file = try TemporaryFile("\"a\nb\",c\n\n1,\"x\n\ny\"\n2,z")
    let found = try rows(of: file, ["c"])
    #expect(found.map(\.position.line) == [4, 7])
    #expect(found.map(\.position.record) == [1, 2])
    #expect(found.map(\.position.offset) == [9, 18])
    #expect(found.map(\.next.line) == [7, 8])
  }

  @Test func fieldsMayBeHuge() throws {
    let long = String(repeating: "long \"text\",\nand ", count: 60_000)
    let text = "a,b\n1,\"\(long.replacing("\"", with: "\"\""))\"\n2,x\n"
    #expect(try table(text, ["b", "a"], bufferBytes: 1000) == [[long, "1"], ["x", "2"]])
  }

  @Test func anyBufferGivesTheSameRows() throws {
    let text = "\u{FEFF}a,b\r\n\"1\"\"\r\n\",ä\r\n\r\n,\"\"\r\n\"x\",\"y\"\r"
    let file = try TemporaryFile(text)
    let expected = try rows(of: file, ["b", "a"])
    #expect(expected.map(\.fields) == [["ä", "1\"\r\n"], ["", ""], ["y", "x"]])
    for bufferBytes in 1...64 { #expect(try rows(of: file, ["b", "a"], bufferBytes: bufferBytes) == expected) }
  }

  @Test func whatRandomWritersWriteIsReadBack() throws {
    var random = SeededGenerator.forTest()
    let pieces = ["", "a", "bc", "\"", ",", "\n", "\r\n", "\r", " ", "ä", "𝄞", "1234567890", "\0", "'", "longer text"]
    for _ in 0..<300 {
      let columns = (0..<Int.random(in: 2...9, using: &random)).map { "c\($0)" }
      var text = columns.joined(separator: ",") + "\n"
      var expected: [[String]] = []
      let rowCount = Int.random(in: 0...20, using: &random)
      for row in 0..<rowCount {
        let fields = columns.map { _ in
          (0..<Int.random(in: 0...4, using: &random)).map { _ in pieces.randomElement(using: &random)! }.joined()
        }
        let written = fields.map { field in
          let mustQuote = field.utf8.contains { $0 == 0x22 || $0 == 0x2C || $0 == 0x0A || $0 == 0x0D }
          guard mustQuote || Bool.random(using: &random) else { return field }
          return "\"" + field.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
        }
        text += written.joined(separator: ",")
        if row < rowCount - 1 || Bool.random(using: &random) { text += Bool.random(using: &random) ? "\n" : "\r\n" }
        expected.append(fields)
      }
      let bufferBytes = Int.random(in: 1...100, using: &random)
      // Compares scalars, because `String` treats canonically equivalent texts as equal.
      let found = try table(text, columns, bufferBytes: bufferBytes)
      #expect(found.map { $0.map { Array($0.utf8) } } == expected.map { $0.map { Array($0.utf8) } })
    }
  }
}
