import Testing

@testable import RowInput

/// Skipping bad rows, and leaving half a row for later.
@Suite struct SkipTests {
  /// The first fields of the good rows, and the lines of the bad ones.
  func read(_ file: TemporaryFile, _ column: String, bufferBytes: Int) throws -> (good: [String], bad: [Int]) {
    var reader = try RowReader.open(file.path, columns: [column], bufferBytes: bufferBytes)
    var (good, bad): ([String], [Int]) = ([], [])
    while true {
      do throws(InputError) {
        guard try reader.next() else { return (good, bad) }
        good.append(reader.text(0))
      } catch {
        #expect(error.isOfOneRow)
        try reader.skipRow()
        bad.append(reader.row.line)
      }
    }
  }

  @Test(arguments: [1, 7, 1 << 16])
  func badRowsArePassed(bufferBytes: Int) throws {
    let csv = try TemporaryFile("a,b\n1,2\n3\n\"x\ny\",4,5\n\n6,7\n\"8,9\n10,\"11\"\n12,13\n\"14", name: "rows.csv")
    let found = try read(csv, "a", bufferBytes: bufferBytes)
    #expect(found.good == ["1", "6", "10", "12"])
    #expect(found.bad == [3, 4, 8, 11])
    let json = try TemporaryFile("{\"a\":1}\nx\n{\"a\":2}\n{\"a\":", name: "rows.ndjson")
    let lines = try read(json, "a", bufferBytes: bufferBytes)
    #expect(lines.good == ["1", "2"])
    #expect(lines.bad == [2, 4])
  }

  @Test(arguments: ["rows.csv", "rows.ndjson"])
  func halfARowIsLeftForLater(name: String) throws {
    let text = name == "rows.csv" ? "a,b\n1,\"x\n\"\"y\"\n2,z\n" : "{\"a\":1,\"b\":2}\n{\"a\":2,\"b\":\"e\"}\n"
    let bytes = Array(text.utf8)
    for cut in 0..<bytes.count {
      let file = try TemporaryFile(Array(bytes[..<cut]), name: name)
      do {
        var reader = try RowReader.open(
          file.path, columns: ["a"], holdsBackOpenRow: true, isGrowing: true, bufferBytes: 4)
        var values: [String] = []
        while try reader.next() {
          let isWhole = reader.isTerminated
          #expect(isWhole)
          values.append(reader.text(0))
        }
        try file.append(String(decoding: bytes[cut...], as: UTF8.self))
        reader.holdsBackOpenRow = false
        while try reader.next() { values.append(reader.text(0)) }
        #expect(values == ["1", "2"], "cut at \(cut)")
      } catch let error as InputError {
        #expect(error.kind == .emptyFile && cut < 4, "cut at \(cut): \(error)")
      }
    }
  }

  /// A file, unlike a pipe, is visible as a whole: a quote still open after a whole line is a mistake.
  @Test func anOpenQuoteBehindAWholeLineIsAMistake() throws {
    let file = try TemporaryFile("a,b\n\"1,x\n2,y\n")
    var reader = try RowReader.open(file.path, columns: ["a"], holdsBackOpenRow: true)
    #expect(throws: InputError(.malformed("unclosed quote"), file: file.path, line: 2)) { _ = try reader.next() }
    var pipe = try RowReader.open(file.path, columns: ["a"], holdsBackOpenRow: true, isGrowing: true)
    let found = try pipe.next()
    #expect(!found)
  }

  /// Seen to fail with: a place in the window that is kept while the window moves on.
  @Test(arguments: [1, 4, 1 << 16]) func aHeaderIsTakenApartAgainWhereItBegins(bufferBytes: Int) throws {
    let file = try TemporaryFile("\u{FEFF}\n\na;b\r\n1;2\r\n")
    var reader = try RowReader.open(file.path, columns: ["b", "a"], bufferBytes: bufferBytes)
    let found = try reader.next()
    let texts = found ? [reader.text(0), reader.text(1)] : []
    #expect(texts == ["2", "1"])
    for text in ["\u{FEFF}\u{5}", "\u{FEFF}a", "\u{FEFF}sep=;", "\n\n\na"] {
      let broken = try TemporaryFile(text)
      #expect(throws: InputError.self) {
        _ = try RowReader.open(broken.path, columns: ["b"], bufferBytes: bufferBytes)
      }
    }
  }

  /// Skipping needs the whole line; until that has arrived, each try would count the line again.
  @Test(arguments: [1, 1 << 16]) func halfABadRowIsLeftForLaterToo(bufferBytes: Int) throws {
    let file = try TemporaryFile("a,b\n\"x\"y,")
    var reader = try RowReader.open(file.path, columns: ["a"], holdsBackOpenRow: true, bufferBytes: bufferBytes)
    var found = try reader.next()
    #expect(!found)
    try file.append("2\n3,4\n")
    #expect(throws: InputError(.malformed("text after a closing quote"), file: file.path, line: 2)) {
      _ = try reader.next()
    }
    try reader.skipRow()
    found = try reader.next()
    let text = found ? reader.text(0) : nil
    #expect(text == "3")
  }

  @Test(arguments: ["rows.csv", "rows.ndjson"])
  func aByteOrderMarkMayComeInPieces(name: String) throws {
    let bytes = Array(("\u{FEFF}" + (name == "rows.csv" ? "a\n1\n" : "{\"a\":1}\n")).utf8)
    for cut in 0..<4 {
      let file = try TemporaryFile(Array(bytes[..<cut]), name: name)
      do {
        var reader = try RowReader.open(file.path, columns: ["a"], holdsBackOpenRow: true, bufferBytes: 4)
        try file.append(Array(bytes[cut...]))
        let found = try reader.next()
        let text = found ? reader.text(0) : nil
        #expect(text == "1", "cut at \(cut)")
      } catch let error as InputError {
        #expect(error.kind == .emptyFile && name == "rows.csv", "cut at \(cut): \(error)")
      }
    }
  }
}
