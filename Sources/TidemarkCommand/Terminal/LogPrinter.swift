import RowInput
import Tidemark

/// Prints commits of an aggregation's changelog.
struct LogPrinter {
  private let json: Bool
  private let withRecords: Bool
  private var names: [TableID: String] = [.system: "system"]

  init(json: Bool, withRecords: Bool) {
    (self.json, self.withRecords) = (json, withRecords)
  }

  /// Learns the names of tables from the first commits of a log: they are defined before they are used.
  mutating func learnTables(_ log: FileLog) throws {
    var commits = 0
    try log.read(from: try log.offsets().start, to: nil) { (commit) throws(StoreError) in
      try commit.records.forEach { (table, key, value) throws(StoreError) in learn(table, key, value) }
      commits += 1
      return commits < 8 ? .next : .stop
    }
  }

  private mutating func learn(_ table: TableID, _ key: RawSpan, _ value: RawSpan?) {
    guard table == .system, let value, let record = try? TableRecord(key: key, value: value) else { return }
    names[record.id] = record.name
  }

  /// Prints a commit and its records.
  mutating func append(_ commit: LoggedCommit, to output: inout [UInt8]) throws(StoreError) {
    let positions = commit.position.offsets.sorted { $0.key < $1.key }
    if json {
      output += #"{"type":"commit","baseOffset":\#(commit.baseOffset),"endOffset":\#(commit.endOffset),"#.utf8
      output +=
        #""epoch":\#(commit.epoch),"time":"\#(EventTime.text(commit.timestamp))","bytes":\#(commit.byteCount),"#.utf8
      output += #""records":\#(commit.records.count),"receipt":"\#(commit.receipt)","#.utf8
      output += #""streamTime":\#(commit.streamTime.map { "\"\(EventTime.text($0))\"" } ?? "null"),"position":{"#.utf8
      output += positions.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",").utf8
      output += "}}\n".utf8
    } else {
      output += "offset \(commit.baseOffset) to \(commit.endOffset), \(EventTime.text(commit.timestamp)),".utf8
      output += " epoch \(commit.epoch), \(commit.records.count) records, \(grouped(commit.byteCount)) bytes".utf8
      for (partition, offset) in positions { output += ", \(partition): \(offset)".utf8 }
      if let time = commit.streamTime { output += ", stream time \(EventTime.text(time))".utf8 }
      output += ", receipt \(commit.receipt)\n".utf8
    }
    var offset = commit.baseOffset.value
    try commit.records.forEach { (table, key, value) throws(StoreError) in
      offset += 1
      learn(table, key, value)
      if withRecords { append(offset, table, key, value, to: &output) }
    }
  }

  private func append(
    _ offset: Int64, _ table: TableID, _ key: RawSpan, _ value: RawSpan?, to output: inout [UInt8]
  ) {
    let name = names[table] ?? "table-\(table)"
    var defined: String?
    if table == .system, let value { defined = systemText(key, value) }
    if json {
      output += #"{"type":"record","offset":\#(offset),"table":"\#(name)","key":"#.utf8
      appendKey(key, of: name, to: &output)
      output += ",\"value\":".utf8
      if let value {
        appendValue(value, defined, of: name, to: &output)
      } else {
        output += "null,\"deleted\":true".utf8
      }
      output += "}\n".utf8
    } else {
      output += "  \(offset) \(name) ".utf8
      appendKey(key, of: name, to: &output)
      output += " ".utf8
      if let value { appendValue(value, defined, of: name, to: &output) } else { output += "deleted".utf8 }
      output += "\n".utf8
    }
  }

  /// A description of one of the store's own records; `nil` if its kind is unknown.
  private func systemText(_ key: RawSpan, _ value: RawSpan) -> String? {
    if FormatVersion.isKey(key) { return (try? FormatVersion(value: value)).map { "format \($0)" } }
    return (try? TableRecord(key: key, value: value)).map { "table \($0.name)" + ($0.isDropped ? " dropped" : "") }
  }

  /// A key as JSON.
  private func appendKey(_ key: RawSpan, of table: String, to output: inout [UInt8]) {
    if table == AggregationState.groups.name, let texts = try? AggregationState.groups.key.decode(key) {
      output += "[".utf8
      for (index, text) in texts.enumerated() {
        if index > 0 { output += ",".utf8 }
        appendJSONString(Array(text.utf8).rawSpan, to: &output)
      }
      output += "]".utf8
    } else if let text = text(key), isOurs(table) {
      appendJSONString(Array(text.utf8).rawSpan, to: &output)
    } else {
      output += "\"\(hexadecimal(key))\"".utf8
    }
  }

  /// A value as JSON; of tables that aren't the command's, the bytes in hexadecimal.
  private func appendValue(_ value: RawSpan, _ defined: String?, of table: String, to output: inout [UInt8]) {
    if table == "system", let defined {
      appendJSONString(Array(defined.utf8).rawSpan, to: &output)
    } else if table == AggregationState.groups.name, let cells = try? AggregationState.groups.value.decode(value) {
      output += "[".utf8
      for (index, cell) in cells.enumerated() {
        if index > 0 { output += ",".utf8 }
        cell.appendJSON(to: &output)
      }
      output += "]".utf8
    } else if let text = text(value), isOurs(table) {
      output += text.utf8
    } else {
      output += "\"\(hexadecimal(value))\"".utf8
    }
  }

  private func isOurs(_ table: String) -> Bool {
    table == AggregationState.plans.name || table == AggregationState.inputs.name
  }

  private func text(_ bytes: RawSpan) -> String? { String(validating: bytes.array, as: UTF8.self) }

  private func hexadecimal(_ bytes: RawSpan) -> String {
    let digits = Array("0123456789abcdef")
    return String(bytes.array.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }
}
