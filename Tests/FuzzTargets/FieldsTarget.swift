internal import Changelog
internal import Tidemark

extension FuzzTarget {
  /// A byte for the structure, and bytes that are read as its encoding: tagged fields, a commit's metadata, a table's
  /// definition, or the version of the formats.
  ///
  /// Each is refused as corrupted or unsupported, or is a value that encodes to bytes of the same value; to the same
  /// bytes if the value has only one encoding.
  static let fields = FuzzTarget("fields", greatestBytes: 512, seeds: fieldsSeeds) { input in
    guard input.byteCount > 0 else { return }
    let bytes = input.extracting(1...)
    try unlessRefused {
      switch input.byte(at: 0) % 4 {
      case 0: try checkFields(bytes)
      case 1: try checkMetadata(bytes)
      case 2: try checkTable(bytes)
      default: try checkVersion(bytes)
      }
    }
  }
}

private let structure: StaticString = "a fuzzed structure"

private func unlessRefused(_ body: () throws -> Void) throws {
  do {
    try body()
  } catch let error as StoreError {
    try expect(error.kind == .corrupted || error.kind == .unsupported, "bytes are the cause of another error: \(error)")
  }
}

/// The bytes that `encode` appends.
private func bytes(_ encode: (inout ByteWriter) -> Void) -> [UInt8] {
  var buffer = ByteWriter()
  encode(&buffer)
  return buffer.bytes.array
}

private func checkFields(_ input: RawSpan) throws {
  var fields = try TaggedFields(input, of: structure)
  try expect(bytes { fields.encode(into: &$0) } == input.array, "fields have two encodings: \(fields)")
  try expect(zip(fields.fields, fields.fields.dropFirst()).allSatisfy { $0.tag < $1.tag }, "tags don't ascend")
  let isSkippable = fields.fields.allSatisfy { $0.tag % 2 == 0 }
  var refusal: StoreError?
  do throws(StoreError) { try fields.checkSkippable(of: structure) } catch { refusal = error }
  try expect(refusal?.kind == (isSkippable ? nil : .unsupported), "tags were judged wrongly: \(fields)")
  guard let first = fields.fields.first else { return }
  try expect(fields.take(first.tag) == first.bytes && fields[first.tag] == nil, "a field was not taken: \(fields)")
  fields[first.tag] = first.bytes
  try expect(bytes { fields.encode(into: &$0) } == input.array, "a field isn't put back: \(fields)")
}

private func checkMetadata(_ input: RawSpan) throws {
  let metadata = try CommitMetadata(input)
  let again = bytes { metadata.encode(into: &$0) }
  try expect(try CommitMetadata(again.rawSpan) == metadata, "metadata encodes to other metadata: \(metadata)")
  // Positions have several encodings; the presence of fields has one.
  try expect(
    CommitMetadata.hasFields(input) == CommitMetadata.hasFields(again.rawSpan), "metadata is of two versions")
}

private func checkTable(_ input: RawSpan) throws {
  let table = try TableDescriptor(key: [1, 7].rawSpan, value: input)
  try TableDescriptor.validate(name: table.name)
  let again = bytes { table.encodeValue(into: &$0) }
  try expect(try TableDescriptor(key: [1, 7].rawSpan, value: again.rawSpan) == table, "a table is another: \(table)")
  try expect(again.first == input.array.first, "a table is of two versions: \(table)")
  try expect((table.formatVersion == .version1) == (again.first == 1), "a table needs another version: \(table)")
}

private func checkVersion(_ input: RawSpan) throws {
  let version = try FormatVersion(value: input)
  try expect(bytes { version.encodeValue(into: &$0) } == input.array, "a version has two encodings: \(version)")
  try expect(version <= .latest, "a later version was taken: \(version)")
}

private func fieldsSeeds() throws -> [[UInt8]] {
  var fields = TaggedFields()
  fields[1] = [7, 8]
  fields[2] = []
  fields[300] = [9]
  var metadata = CommitMetadata(position: [TopicPartition("in", 3): 99], streamTime: 1234)
  var table = TableDescriptor(id: TableID(7), name: "notes", keyFormat: "string", valueFormat: "int64")
  var seeds = [[0], [0] + bytes { fields.encode(into: &$0) }]
  seeds += [[1] + bytes { metadata.encode(into: &$0) }, [2] + bytes { table.encodeValue(into: &$0) }]
  metadata.outputsDigest = 0x0102_0304_0506_0708
  metadata.laterFields[2] = [5]
  table.parameters = [1, 2, 3]
  table.retention = .milliseconds(300)
  table.indexOf = TableID(5)
  table.isDropped = true
  table.laterFields[6] = [9]
  seeds += [[1] + bytes { metadata.encode(into: &$0) }, [2] + bytes { table.encodeValue(into: &$0) }]
  table.kind = TableKind(rawValue: "window")
  seeds += [[2] + bytes { table.encodeValue(into: &$0) }, [3, 1], [3, 2], [3, 3]]
  return seeds
}
