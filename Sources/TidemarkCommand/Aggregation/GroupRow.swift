import Foundation
import RowInput
import Tidemark

/// A row of the result, ready to be printed.
struct GroupRow {
  /// The plan's ``AggregationPlan/resultNames``.
  let names: [String]
  let key: [String]
  let cells: [AggregateCell]

  /// One JSON object: the group's columns as strings, then the aggregates; numbers are exact, absent values `null`.
  func appendJSON(to output: inout [UInt8]) {
    output.append(UInt8(ascii: "{"))
    for (name, value) in zip(names, key) {
      appendName(name, to: &output)
      appendJSONString(Array(value.utf8).rawSpan, to: &output)
      output.append(UInt8(ascii: ","))
    }
    for (name, cell) in zip(names.dropFirst(key.count), cells) {
      appendName(name, to: &output)
      cell.appendJSON(to: &output)
      output.append(UInt8(ascii: ","))
    }
    output[output.count - 1] = UInt8(ascii: "}")
    output.append(UInt8(ascii: "\n"))
  }

  /// The values with tabs between them; characters that would move a terminal's cursor are escaped.
  func appendText(to output: inout [UInt8]) {
    output += values.map { visible($0, escapingBackslashes: true) }.joined(separator: "\t").utf8
    output.append(UInt8(ascii: "\n"))
  }

  /// One record of RFC 4180, ended by a line feed; an absent value is an empty field.
  func appendCSV(to output: inout [UInt8]) { appendCSVRecord(values, to: &output) }

  private var values: [String] { key + cells.map(\.text) }

  private func appendName(_ name: String, to output: inout [UInt8]) {
    appendJSONString(Array(name.utf8).rawSpan, to: &output)
    output.append(UInt8(ascii: ":"))
  }
}

extension AggregateCell {
  /// A JSON number, a string, or `null`.
  func appendJSON(to output: inout [UInt8]) {
    switch self {
    case .none: output += "null".utf8
    case .number(let number): output += number.description.utf8
    case .text(let text): appendJSONString(text.rawSpan, to: &output)
    }
  }
}

/// Appends values with commas between them, in quotes where that is needed.
func appendCSVRecord(_ values: [String], to output: inout [UInt8]) {
  for (index, value) in values.enumerated() {
    if index > 0 { output.append(UInt8(ascii: ",")) }
    // A record of one empty field would be a blank line.
    if value.isEmpty, values.count == 1 {
      output += "\"\"".utf8
    } else if value.utf8.contains(where: { byte in ",\"\r\n".utf8.contains(byte) }) {
      output += ("\"" + value.replacingOccurrences(of: "\"", with: "\"\"") + "\"").utf8
    } else {
      output += value.utf8
    }
  }
  output.append(UInt8(ascii: "\n"))
}
