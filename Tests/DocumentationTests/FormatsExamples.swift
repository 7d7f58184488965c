import Tidemark

/// Describes each commit of a changelog.
func describe(_ changelog: some Changelog) throws -> [String] {
  var lines: [String] = []
  try changelog.read(from: try changelog.offsets().start, to: nil) { (commit) throws(StoreError) in
    lines.append(
      "\(commit.baseOffset)..<\(commit.endOffset), epoch \(commit.epoch), \(commit.records.count) records,"
        + " position \(commit.position), receipt \(commit.receipt)")
    try commit.records.forEach { (table, key, value) throws(StoreError) in
      lines.append("  table \(table), key of \(key.byteCount) bytes, " + (value == nil ? "deleted" : "set"))
    }
    return .next
  }
  return lines
}

/// Lists the batches of a segment file, a file log's or Kafka's, and what is wrong with the bytes behind them.
func batches(ofSegment bytes: [UInt8]) -> (lines: [String], damage: String?) {
  var lines: [String] = []
  let result = RecordBatch.forEach(in: bytes.rawSpan) { batch, position in
    lines.append("\(position): offset \(batch.header.baseOffset), \(batch.header.recordCount) records")
  }
  return (lines, result.damage?.reason)
}

/// Weekdays in one byte, in their order.
struct WeekdayCodec: KeyCodec {
  var name: String { "weekday" }

  func encode(_ value: Int, into bytes: inout ByteWriter) throws(StoreError) {
    guard (1...7).contains(value) else { throw StoreError(.invalidArgument, "a weekday is 1 to 7", ["value": value]) }
    bytes.append(UInt8(value))
  }

  func decode(_ bytes: RawSpan) throws(StoreError) -> Int {
    var reader = ByteReader(bytes)
    guard let byte = reader.integer(UInt8.self), (1...7).contains(byte), reader.remaining == 0 else {
      throw StoreError(.corrupted, "not a weekday")
    }
    return Int(byte)
  }
}

/// A value with an optional field.
struct Visit: Codable, Sendable, Equatable {
  var page: String
  var seconds: Int?
  var isPaid: Bool
}
