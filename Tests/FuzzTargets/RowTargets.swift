internal import Changelog
internal import Foundation
internal import RowInput

extension FuzzTarget {
  /// A byte of ``RowChoices``, a byte for the share of the file that is there at first, and a CSV file.
  ///
  /// However much is read at once, the rows and errors are the same; reading resumed at any row gives the rest; a file
  /// that grows while it is read gives the same as one that is complete from the start; a short limit of a row's length
  /// also ends in rows and errors. The fields equal those of another, slower reader.
  static let csv = FuzzTarget("csv", greatestBytes: 512, seeds: csvSeeds) { input in
    try checkRows(input, .csv) { try expectSameFields($0, as: CSVModel.rows(of: $1), columns: $2) }
  }

  /// The same with lines of JSON: their texts equal those that Foundation reads.
  static let json = FuzzTarget("json", greatestBytes: 512, seeds: jsonSeeds) { input in
    try checkRows(input, .ndjson) { try expectSameTexts($0, in: $1, columns: $2) }
  }
}

/// How a file is read.
private struct RowChoices: OptionSet {
  let rawValue: UInt8

  static let skipsBadRows = RowChoices(rawValue: 1)
  /// Two columns by name.
  static let hasNamedColumns = RowChoices(rawValue: 2)
  /// All columns of the header, if there is one and `hasNamedColumns` isn't set.
  static let hasAllColumns = RowChoices(rawValue: 4)
}

private func checkRows(
  _ input: RawSpan, _ format: RowFormat, _ compare: ([RowEvent], RawSpan, [String]) throws -> Void
) throws {
  guard input.byteCount >= 2 else { return }
  let choices = RowChoices(rawValue: input.byte(at: 0))
  let bytes = input.extracting(2...)
  let file = try RowFile()
  try file.write(bytes)
  var reading = RowReading(
    path: file.path, format: format, columns: [], skipsBadRows: choices.contains(.skipsBadRows))
  if choices.contains(.hasNamedColumns) {
    reading.columns = ["b", "a", "b"]
  } else if choices.contains(.hasAllColumns) {
    do throws(InputError) {
      let reader = try reading.open()
      reading.columns = reader.header
    } catch {}
  }

  let whole = try reading.events()
  for bufferBytes in [1, 7, 64] {
    reading.bufferBytes = bufferBytes
    let events = try reading.events()
    try expect(events == whole, "\(bufferBytes) bytes at once come to \(events), not to \(whole)")
  }
  try expectResumable(reading, whole)
  try compare(whole, bytes, reading.columns)
  try expectGrowable(file, bytes, Int(input.byte(at: 1)), reading, whole)

  try file.write(bytes)
  (reading.maximumRowBytes, reading.bufferBytes) = (16, 4)
  _ = try reading.events()
}

/// Reading resumed at a row gives the rest.
private func expectResumable(_ reading: RowReading, _ whole: [RowEvent]) throws {
  for (index, event) in whole.enumerated() where index < 6 || index >= whole.count - 2 {
    guard let next = event.next else { continue }
    let rest = try reading.events(from: next)
    try expect(rest == Array(whole[(index + 1)...]), "from \(next) on there is \(rest), not the rest of \(whole)")
    guard case .row(_, let start, _, _) = event else { continue }
    let again = try reading.events(from: start)
    try expect(again == Array(whole[index...]), "from \(start) on there is \(again), not the rest of \(whole)")
  }
}

/// Reads a file whose first bytes exist when it is opened; the others are added once those are read.
private func expectGrowable(
  _ file: RowFile, _ bytes: RawSpan, _ first: Int, _ reading: RowReading, _ whole: [RowEvent]
) throws {
  // The rows that are there first don't tell which keys the objects of the file have.
  if reading.format == .ndjson, case .failed(let error)? = whole.first, case .missingColumn = error.kind { return }
  let first = min(first, bytes.byteCount)
  try file.write(bytes.extracting(..<first))
  var reader: RowReader
  do throws(InputError) { reader = try reading.open(isGrowing: true) } catch {
    // Without a whole header the file counts as empty.
    try expect(error.kind == .emptyFile || whole == [.failed(error)], "a part of the file can't be opened: \(error)")
    return
  }
  var events: [RowEvent] = []
  try reading.append(to: &events, &reader)
  try file.write(bytes, from: first)
  if case .failed = events.last {
  } else {
    try reading.append(to: &events, &reader)
    reader.holdsBackOpenRow = false
    if case .failed = events.last {} else { try reading.append(to: &events, &reader) }
  }
  try expect(events == whole, "a file that has grown from \(first) bytes comes to \(events), not to \(whole)")
}

// MARK: Comparing

/// The rows before the first error equal those of the model.
private func expectSameFields(
  _ events: [RowEvent], as rows: (rows: [[CSVModel.Field]], isWhole: Bool), columns: [String]
)
  throws
{
  guard let header = rows.rows.first else { return }
  let names = header.map { String(decoding: $0.bytes, as: UTF8.self) }
  let places = columns.compactMap { column in names.firstIndex { $0.utf8.elementsEqual(column.utf8) } }
  guard places.count == columns.count else { return }
  let expected = rows.rows.dropFirst().filter { header.count == 1 || $0 != [CSVModel.Field()] }
  for (index, event) in events.enumerated() {
    guard case .row(let fields, _, _, _) = event else { return }
    try expect(index < expected.count, "a row that isn't there: \(event)")
    let row = expected[expected.startIndex + index]
    let found = fields.map { CSVModel.Field(bytes: $0.bytes, isQuoted: $0.isQuoted) }
    try expect(row.count == header.count && found == places.map { row[$0] }, "\(found) was read from \(row)")
  }
  try expect(rows.isWhole && events.count == expected.count, "\(events.count) rows were read, not \(expected.count)")
}

/// The texts of the rows equal those that Foundation finds in the lines, except byte order marks, which it drops.
private func expectSameTexts(_ events: [RowEvent], in bytes: RawSpan, columns: [String]) throws {
  for case .row(let fields, let start, let next, _) in events {
    let line = Data(bytes.extracting(start.offset..<next.offset).array)
    guard let object = try? JSONSerialization.jsonObject(with: withSmallNumbers(line)) as? [String: Any] else {
      throw Violation("JSON that Foundation refuses: \(String(decoding: line, as: UTF8.self))")
    }
    for (column, field) in zip(columns, fields) where field.isQuoted {
      let text = object[column] as? String
      func withoutMarks(_ text: String) -> [Unicode.Scalar] { text.unicodeScalars.filter { $0 != "\u{FEFF}" } }
      try expect(
        text.map { withoutMarks($0) == withoutMarks(String(decoding: field.bytes, as: UTF8.self)) } ?? false,
        "\(String(decoding: field.bytes, as: UTF8.self)) was read, \(text as Any) by Foundation")
    }
  }
}

/// A line with each number replaced by 0: Foundation refuses numbers that no `Double` holds (RFC 8259, section 6).
private func withSmallNumbers(_ line: Data) -> Data {
  var result = Data()
  var rest = line[...]
  var isInText = false
  while let byte = rest.first {
    let mayBeNumber = byte == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    if !isInText, mayBeNumber, let number = try? jsonNumber.prefixMatch(in: String(decoding: rest, as: UTF8.self)) {
      result.append(UInt8(ascii: "0"))
      rest = rest.dropFirst(number.output.utf8.count)
      continue
    }
    // An escaped character doesn't end a text.
    let count = isInText && byte == UInt8(ascii: "\\") ? 2 : 1
    if byte == UInt8(ascii: "\"") { isInText.toggle() }
    result.append(contentsOf: rest.prefix(count))
    rest = rest.dropFirst(count)
  }
  return result
}

private var jsonNumber: Regex<Substring> { /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/ }

// MARK: Seeds

private func seeds(_ texts: [String]) -> [[UInt8]] {
  texts.flatMap { text in
    let bytes = Array(text.utf8)
    return [3, 5, 2, 4].map { [UInt8($0), UInt8(bytes.count / 2)] + bytes }
  }
}

private func csvSeeds() -> [[UInt8]] {
  seeds([
    "a,b\n1,2\n3,4\n",
    "\u{FEFF}a,b\r\n\"1\n,\"\"\r\n\",ä\r\n\r\n,\"\"\r\n\n\"x\ry\",\"\n\n\"\nlast,row",
    "\n\n\"a\",\"b\"\n\n1.5e3,2\n\n\n-3,4\r",
    "b,a,c\n1,2\n\"x\"y,2,3\n1,2,3\n\"open,4\n5,6,7",
    "b\n\n1\n\"\"\n",
    "a,b,a\n1,2,3\n",
  ]) + [[3, 3] + Array("a,b\n".utf8) + [0xC3, 0x28, 0x2C, 0x31, 0x0A]]
}

private func jsonSeeds() -> [[UInt8]] {
  seeds([
    #"{"a":1,"b":2}"# + "\n" + #"{"b":"x","a":-1.5e3}"# + "\n",
    "\u{FEFF}" + #"{"a":1,"b":"\n"}"# + "\r\n\n  \n" + #"{"b":"\ud834\udd1e\u00e9"}"# + "\n" + #"{"a":[1,{"c":null}]}"#,
    #"{"a":true,"b":false,"c":null,"\u0061b":"ä"}"# + "\n" + #"{"b":"\"\\\/\b\f\r\t","a":[]}"#,
    "x\n" + #"{"a":1,"b":2}"# + "\n" + #"{"a":"# + "\n" + #"{"a":1,"a":2}"# + "\n" + #"{"b":01}"#,
  ])
}
