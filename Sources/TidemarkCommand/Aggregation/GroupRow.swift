import RowInput
import Tidemark

/// A row of the result, ready to be printed.
struct GroupRow {
  let plan: AggregationPlan
  let key: [String]
  let cells: [AggregateCell]

  /// One JSON object: the group's columns as strings, then the aggregates; numbers are exact, no value is `null`.
  func appendJSON(to output: inout [UInt8]) {
    output.append(UInt8(ascii: "{"))
    for (name, value) in zip(plan.groupBy, key) {
      appendName(name, to: &output)
      appendJSONString(Array(value.utf8).rawSpan, to: &output)
      output.append(UInt8(ascii: ","))
    }
    for (aggregate, cell) in zip(plan.aggregates, cells) {
      appendName(aggregate.name, to: &output)
      switch cell {
      case .none: output += "null".utf8
      case .number(let number): output += number.description.utf8
      case .text(let text): appendJSONString(text.rawSpan, to: &output)
      }
      output.append(UInt8(ascii: ","))
    }
    output[output.count - 1] = UInt8(ascii: "}")
    output.append(UInt8(ascii: "\n"))
  }

  /// The values with tabs between them; tabs and line breaks in texts become spaces.
  func appendText(to output: inout [UInt8]) {
    let values =
      key
      + cells.map { cell in
        switch cell {
        case .none: ""
        case .number(let number): number.description
        case .text(let text): String(decoding: text, as: UTF8.self)
        }
      }
    let line = values.map { $0.map { $0.isNewline || $0 == "\t" ? " " : String($0) }.joined() }
    output += line.joined(separator: "\t").utf8
    output.append(UInt8(ascii: "\n"))
  }

  private func appendName(_ name: String, to output: inout [UInt8]) {
    appendJSONString(Array(name.utf8).rawSpan, to: &output)
    output.append(UInt8(ascii: ":"))
  }
}
