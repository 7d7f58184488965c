import Testing

@testable import RowInput

/// The core property: reading in two runs, cut at any row, gives the same as reading in one.
@Suite struct ResumeTests {
  static let files: [(String, String)] = [
    ("rows.csv", "a,b\n1,2\n3,4\n"),
    ("rows.csv", "\u{FEFF}a,b\r\n\"1\n,\"\"\r\n\",ä\r\n\r\n,\"\"\r\n\n\"x\ry\",\"\n\n\"\nlast,row"),
    ("rows.csv", "\n\n\"a\",\"b\"\n\n1,2\n\n\n3,4\r"),
    ("rows.csv", "a,b"),
    ("rows.jsonl", "\u{FEFF}{\"a\":1,\"b\":\"\\n\"}\r\n\n  \n{\"b\":\"\\ud834\\udd1e\"}\n{\"a\":[1,2]}"),
  ]

  @Test(arguments: files) func resumingAtAnyRowGivesTheSameRows(_ name: String, _ text: String) throws {
    let file = try TemporaryFile(text, name: name)
    let all = try rows(of: file, ["b", "a"])
    for bufferBytes in [1, 3, 16, 4096] {
      let first = try RowReader.open(file.path, columns: ["b", "a"], bufferBytes: bufferBytes).position
      #expect(try rows(of: file, ["b", "a"], from: first, bufferBytes: bufferBytes) == all)
      for (index, row) in all.enumerated() {
        let rest = try rows(of: file, ["b", "a"], from: row.next, bufferBytes: bufferBytes)
        #expect(rest == Array(all[(index + 1)...]))
        #expect(try rows(of: file, ["b", "a"], from: row.position, bufferBytes: bufferBytes) == Array(all[index...]))
      }
    }
  }

  @Test func randomFilesToo() throws {
    var random = SeededGenerator.forTest()
    for _ in 0..<100 {
      var text = "a,b\n"
      for _ in 0..<Int.random(in: 1...10, using: &random) {
        let fields = (0..<2).map { _ in
          ["", "x", "\"\"", "\"\n\"", "\"\"\"\"", "\"a,\r\n\"", "ä"].randomElement(using: &random)!
        }
        text += fields.joined(separator: ",") + ["\n", "\r\n", "\n\n"].randomElement(using: &random)!
      }
      let file = try TemporaryFile(text)
      let all = try rows(of: file, ["a", "b"])
      for (index, row) in all.enumerated() {
        let rest = try rows(of: file, ["a", "b"], from: row.next, bufferBytes: Int.random(in: 1...64, using: &random))
        #expect(rest == Array(all[(index + 1)...]))
      }
    }
  }

  @Test(arguments: ["\n", "\r\n"]) func aFileMayGrow(_ lineBreak: String) throws {
    let file = try TemporaryFile("a,b\(lineBreak)1,2")
    var reader = try RowReader.open(file.path, columns: ["b"], bufferBytes: 4)
    var found = try reader.next()
    #expect(found)
    let isTerminated = reader.isTerminated
    #expect(!isTerminated)
    let stopped = reader.position
    found = try reader.next()
    #expect(!found)
    // The line break of the row already read arrives later.
    try file.append(String(lineBreak.unicodeScalars.first!))
    if lineBreak.utf8.count == 2 {
      found = try reader.next()
      #expect(!found)
      try file.append("\n")
    }
    found = try reader.next()
    #expect(!found)
    try file.append("3,4\(lineBreak)")
    found = try reader.next()
    #expect(found)
    let text = reader.text(0)
    #expect(text == "4")
    #expect(reader.row.line == 3)
    let last = try rows(of: file, ["b"], from: stopped).last
    #expect(last == Row(fields: ["4"], position: reader.row, next: reader.position))
  }

  @Test func aRowThatGrewIsAnError() throws {
    let file = try TemporaryFile("a,b\n1,2")
    let stopped = try rows(of: file, ["b"])[0].next
    try file.append("3\n4,5\n")
    #expect(failure(file, ["b"], from: stopped) == "rows.csv: changed since it was read: no row starts at byte 7")
  }

  @Test func aFileThatShrankIsAnError() throws {
    let file = try TemporaryFile("a,b\n1,2\n")
    #expect(
      failure(file, ["b"], from: RowPosition(offset: 9, line: 3, record: 2))
        == "rows.csv: changed since it was read: it has 8 bytes, but reading should go on at byte 9")
    #expect(
      failure(file, ["b"], from: RowPosition(offset: 2, line: 1, record: 1))
        == "rows.csv: changed since it was read: byte 2 lies inside the header")
  }

  @Test func linesAndRecordsGoOnFromWhatIsGiven() throws {
    let file = try TemporaryFile("a,b\n1,2\n3,4\n")
    let rest = try rows(of: file, ["a"], from: RowPosition(offset: 8, line: 103, record: 52))
    #expect(rest.map(\.position) == [RowPosition(offset: 8, line: 103, record: 52)])
    #expect(rest.map(\.next) == [RowPosition(offset: 12, line: 104, record: 53)])
  }

  @Test func badRowsAtTheStartDontKeepFromGoingOn() throws {
    let file = try TemporaryFile("x\n{\"a\":\n{\"a\":1}\n{\"a\":2}\n", name: "rows.ndjson")
    var reader = try RowReader.open(file.path, columns: ["a"])
    var places: [RowPosition] = []
    for _ in 0..<2 {
      places.append(reader.position)
      #expect(throws: InputError.self) { _ = try reader.next() }
      try reader.skipRow()
    }
    for (place, line) in zip(places, 1...) {
      var again = try RowReader.open(file.path, columns: ["a"], from: place)
      let error = #expect(throws: InputError.self) { _ = try again.next() }
      #expect(error?.line == line)
    }
    #expect(try rows(of: file, ["a"], from: reader.position).map(\.fields) == [["1"], ["2"]])
  }
}
