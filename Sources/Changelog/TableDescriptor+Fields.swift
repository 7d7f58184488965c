/// What version 2 says of a table beside what version 1 says.
extension TableDescriptor {
  static let structure: StaticString = "a table's definition"

  private enum Tags {
    static let kind: UInt64 = 1
    static let parameters: UInt64 = 3
    static let retention: UInt64 = 5
    static let indexOf: UInt64 = 7
    static let isDropped: UInt64 = 9
  }

  /// What version 1 can't say.
  var fields: TaggedFields {
    var fields = laterFields
    fields[Tags.kind] = kind == .keyValue ? nil : Array(kind.rawValue.utf8)
    fields[Tags.parameters] = parameters.isEmpty ? nil : parameters
    fields[Tags.retention] = retention.map { Self.varint(UInt64($0.wholeMilliseconds)) }
    fields[Tags.indexOf] = indexOf.map { Self.varint(UInt64($0.value)) }
    fields[Tags.isDropped] = isDropped ? [] : nil
    return fields
  }

  /// Takes fields; throws `unsupported` if they tell of what isn't known.
  mutating func decode(_ found: TaggedFields) throws(StoreError) {
    var fields = found
    if let bytes = fields.take(Tags.kind) {
      guard let text = String(utf8: bytes.rawSpan), text != TableKind.keyValue.rawValue else { throw damage(Tags.kind) }
      kind = TableKind(rawValue: text)
      guard TableKind.allCases.contains(kind) else {
        throw StoreError(
          .unsupported, "a table is of a kind that this version doesn't know; open it with a newer Tidemark",
          ["table": name, "kind": kind])
      }
    }
    if let bytes = fields.take(Tags.parameters) {
      guard !bytes.isEmpty else { throw damage(Tags.parameters) }
      parameters = bytes
    }
    if let bytes = fields.take(Tags.retention) {
      guard let milliseconds = Self.number(bytes), milliseconds >= 1, milliseconds <= UInt64(Int64.max) else {
        throw damage(Tags.retention)
      }
      retention = .milliseconds(Int64(milliseconds))
    }
    if let bytes = fields.take(Tags.indexOf) {
      guard let id = Self.number(bytes), (1...Self.greatestID).contains(id) else { throw damage(Tags.indexOf) }
      indexOf = TableID(UInt32(id))
    }
    if let bytes = fields.take(Tags.isDropped) {
      guard bytes.isEmpty else { throw damage(Tags.isDropped) }
      isDropped = true
    }
    try fields.checkSkippable(of: Self.structure, ["table": name])
    laterFields = fields
  }

  private func damage(_ tag: UInt64) -> StoreError {
    StoreError(.corrupted, "a field of a table's definition can't be read", ["table": name, "tag": tag])
  }

  private static func varint(_ value: UInt64) -> [UInt8] {
    var buffer = ByteWriter(capacity: 10)
    buffer.append(varint: value)
    return buffer.bytes.array
  }

  /// The number that bytes are the shortest varint of.
  private static func number(_ bytes: [UInt8]) -> UInt64? {
    var reader = ByteReader(bytes.rawSpan)
    guard let value = reader.varint(), reader.remaining == 0, bytes.count == varintLength(value) else { return nil }
    return value
  }
}

extension Duration {
  /// Rounded up; at least 1, and at most what a timestamp can say.
  fileprivate var wholeMilliseconds: Int64 {
    let (seconds, attoseconds) = components
    let rest = (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    let (whole, overflows) = seconds.multipliedReportingOverflow(by: 1000)
    let (sum, overflowsToo) = whole.addingReportingOverflow(rest)
    if overflows || overflowsToo { return seconds < 0 ? 1 : .max }
    return max(sum, 1)
  }
}
