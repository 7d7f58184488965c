import Foundation
import Testing
import Tidemark
import TidemarkTesting

/// The article on formats against bytes on disk, read by code of its own.
@Suite struct FormatTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

  private func text(_ path: String) throws -> String { String(decoding: try bytes(path), as: UTF8.self) }

  private func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

  @Test func aBatchIsWhatTheTablesSay() throws {
    let log = try FileLog.open(directory.path, TopicPartition("state", 0))
    // Nothing may be flushed meanwhile, for others' memory or by time: that syncs the log, and the batch would say so.
    var options = StoreOptions()
    options.budget = MemoryBudget(bytes: 64 << 20)
    options.storedLagTime = .seconds(3600)
    let store = try StateStore.open(directory("store"), tables: [spent], changelog: log, options: options)
    let before = try store.snapshot().offset
    let receipt = try #require(try log.receipt(endingAt: before))
    try store.write([TopicPartition("in", 7): 300]) { transaction in
      try transaction.put("anna", 5, in: spent)
      try transaction.delete("bert", in: spent)
      transaction.advance(streamTime: 1000)
    }
    try store.close()
    let file = try bytes(directory("state-0/00000000000000000000.log"))

    // The first batch defines the table; the second is the commit.
    let first = 12 + Int(integer(file[8..<12]))
    let definition: [UInt8] =
      [1, 1] + [5] + Array("spent".utf8) + [6] + Array("string".utf8) + [5] + Array("int64".utf8)
    #expect(Array(file[..<first]).hasSuffix([6, 0, 1, 1, UInt8((definition.count - 1) * 2)] + definition[1...] + [0]))

    let batch = Array(file[first...])
    func field(_ at: Int, _ count: Int) -> UInt64 { integer(batch[at..<at + count]) }
    #expect(field(0, 8) == UInt64(before.value))
    #expect(field(8, 4) == UInt64(batch.count - 12))
    #expect(field(12, 4) == 0, "the first writer's epoch")
    #expect(field(16, 1) == 2)
    #expect(field(17, 4) == UInt64(crc32c(batch[21...])))
    #expect(field(21, 2) == 0)
    #expect(field(23, 4) == 2)
    #expect(field(27, 8) == field(35, 8))
    #expect(batch[43..<57].allSatisfy { $0 == 0xFF })
    #expect(field(57, 4) == 3)

    // Lengths are zigzag varints: twice the number.
    let position: [UInt8] = [1, 2] + Array("in".utf8) + [0, 0, 0, 7] + [0, 0, 0, 0, 0, 0, 1, 44]
    var commit: [UInt8] = [1]
    commit += big(0) + big(UInt64(before.value)) + [0, 0, 0, 0] + big(receipt.value)
    commit += [1] + big(1000) + position
    let valueLength = commit.count
    var expected = zigzag(1 + 1 + 1 + 1 + 2 + zigzag(valueLength).count + valueLength + 1)
    expected += [0, 0, 0, 4, 0, 0] + zigzag(valueLength) + commit + [0]
    expected += [38, 0, 0, 2, 10, 1] + Array("anna".utf8) + [16, 0x80, 0, 0, 0, 0, 0, 0, 5] + [0]
    expected += [22, 0, 0, 4, 10, 1] + Array("bert".utf8) + [1] + [0]
    #expect(Array(batch[61...]) == expected)
  }

  @Test func smallFilesAreWhatTheArticleSays() throws {
    let log = try FileLog.open(directory.path, TopicPartition("state", 0), options: FileLogOptions(segmentBytes: 4096))
    let store = try StateStore.open(directory("store"), tables: [spent], changelog: log)
    for round in 0..<100 {
      try store.write { transaction in
        for number in 0..<10 { try transaction.put("customer \(number)", Int64(round), in: spent) }
      }
    }
    let checkpoint = try store.checkpoint(to: directory("checkpoint"))
    try store.deleteChangelog(coveredBy: checkpoint.directory)
    try store.close()

    let head = try text(directory("store/HEAD"))
    let lines = head.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    #expect(lines.count == 6 && lines[5].isEmpty)
    #expect(lines[0] == "tidemark-head 1")
    #expect(lines[1].wholeMatch(of: /offset \d+/) != nil)
    #expect(lines[2].wholeMatch(of: /receipt [0-9a-f]{16}/) != nil)
    let covered = lines[0..<4].joined(separator: "\n") + "\n"
    #expect(lines[4] == "crc32c " + String(crc32c(Array(covered.utf8)[...]), radix: 16))
    let current = try text(directory("store/db/CURRENT"))
    #expect(current.hasPrefix("MANIFEST-"))
    let manifest = try #require(Int(lines[3].dropFirst("manifest ".count)))
    #expect(manifest <= Int(current.dropFirst(9).dropLast())!)

    let place = URL(fileURLWithPath: directory("checkpoint")).resolvingSymlinksInPath().path
    #expect(try text(directory("store/BASE")) == place + "\n")
    let metadata = try text(directory("state-0/partition.metadata"))
    #expect(metadata.wholeMatch(of: /version: 0\ntopic_id: [A-Za-z0-9_-]{22}/) != nil)
    #expect(try text(directory("state-0/leader-epoch-checkpoint")) == "0\n1\n0 0\n")
    let end = try log.offsets().end
    #expect(try text(directory("state-0/recovery-point-offset-checkpoint")) == "0\n1\nstate 0 \(end)\n")
    let start = try log.offsets().start
    #expect(start > 0)
    #expect(try text(directory("state-0/log-start-offset-checkpoint")) == "0\n1\nstate 0 \(start)\n")
    #expect(try text(directory("state-0/writer.lock")) == "\(ProcessInfo.processInfo.processIdentifier)\n")
    let names = try FileManager.default.contentsOfDirectory(atPath: directory("state-0"))
    #expect(names.contains(String(repeating: "0", count: 20 - "\(start)".count) + "\(start).log"))
  }

  @Test func indexEntriesAreWhatTheArticleSays() throws {
    let log = try FileLog.open(
      directory.path, TopicPartition("state", 0), options: FileLogOptions(indexIntervalBytes: 1000))
    let writer = try log.openWriter()
    for _ in 0..<50 {
      var commit = Commit()
      commit.records.append(TableID(1), key: RawSpan(), value: [UInt8](repeating: 7, count: 300).rawSpan)
      _ = try writer.append(commit)
    }
    try writer.close()
    let segment = try bytes(directory("state-0/00000000000000000000.log"))
    let index = try bytes(directory("state-0/00000000000000000000.index"))
    #expect(index.count % 8 == 0 && index.count > 24)
    var before = 0
    for at in stride(from: 0, to: index.count, by: 8) {
      let (offset, position) = (integer(index[at..<at + 4]), Int(integer(index[at + 4..<at + 8])))
      let base = integer(segment[position..<position + 8])
      #expect(offset == base + integer(segment[position + 23..<position + 27]), "the batch's last offset")
      #expect(position - before > 1000)
      before = position
    }
    let times = try bytes(directory("state-0/00000000000000000000.timeindex"))
    #expect(times.count % 12 == 0 && !times.isEmpty)
    let last = Array(segment[before...])
    #expect(integer(times[(times.count - 12)..<(times.count - 4)]) >= integer(last[35..<43]))
  }

  /// Each row of the article's examples, encoded.
  @Test func keysAreEncodedAsTheArticleSays() throws {
    let article = try CatalogueTests.article("Formats")
    func row(_ name: String, _ shown: String, _ encode: (inout ByteWriter) throws -> Void) throws {
      var buffer = ByteWriter()
      try encode(&buffer)
      var hex: [String] = []
      var reader = ByteReader(buffer.bytes)
      while let byte = reader.integer(UInt8.self) {
        hex.append(String(repeating: "0", count: byte < 16 ? 1 : 0) + String(byte, radix: 16, uppercase: true))
      }
      let row = "| `\(name)` | `\(shown)` | `\(hex.joined(separator: " "))` |"
      #expect(article.contains(row), "the article has no row \(row)")
    }
    func row<K: Codec>(_ codec: K, _ shown: String, _ value: K.Value) throws {
      try row(codec.name, shown) { try codec.encode(value, into: &$0) }
    }
    try row(.int64, "-1", -1)
    try row(.int64, "5", 5)
    try row(.int32, "-2", -2)
    try row(.uint32, "258", 258)
    try row(.double, "1.0", 1)
    try row(.double, "-1.0", -1)
    try row(.string, "\"ab\"", "ab")
    try row(.list(.uint8), "[]", [])
    try row(.list(.uint8), "[0]", [0])
    try row(.list(.uint8), "[0, 0]", [0, 0])
    try row(.list(.string), "[\"a\", \"\"]", ["a", ""])
    try row(.bool, "true", true)
    try row(.date, "2001-01-01T00:00:01Z", Date(timeIntervalSinceReferenceDate: 1))
    try row(.optional(.string), "nil", nil)
    try row(.optional(.string), "\"ab\"", "ab")
    try row(.tuple(.optional(.string), .uint8), "(\"ab\", 9)", ("ab" as String?, UInt8(9)))
    try row(
      .compact(Visit.self), "Visit(page: \"/\", seconds: 90, isPaid: true)", Visit(page: "/", seconds: 90, isPaid: true)
    )
    try row(
      .compact(Visit.self), "Visit(page: \"/\", seconds: nil, isPaid: false)",
      Visit(page: "/", seconds: nil, isPaid: false))
    try row(.compact([String: Int].self), "[\"b\": -500, \"a\": 1]", ["b": -500, "a": 1])
    // Swift 6.3 takes no tuple for the `Value` of a codec with a pack where the codec is generic.
    let pair = TupleCodec(.string as StringCodec, .int64 as IntegerCodec<Int64>)
    try row(pair.name, "(\"a\", 1)") { try pair.encode(("a", Int64(1)), into: &$0) }
    try row(pair.name, "(\"a\\0b\", 1)") { try pair.encode(("a\0b", Int64(1)), into: &$0) }
    try row(.tuple(.string, .int64), "(\"a\\0b\", 1)", ("a\0b", Int64(1)))
    let day = TupleCodec(WeekdayCodec(), .uint8 as IntegerCodec<UInt8>)
    try row(day.name, "(3, 9)") { try day.encode((3, UInt8(9)), into: &$0) }
  }

  /// The article's bytes of fields and of tables, encoded.
  @Test func fieldsAndTablesAreEncodedAsTheArticleSays() throws {
    let article = try CatalogueTests.article("Formats")
    func hex(_ encode: (inout ByteWriter) -> Void) -> String {
      var buffer = ByteWriter()
      encode(&buffer)
      return buffer.bytes.array.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }
        .joined(separator: " ")
    }
    var fields = TaggedFields()
    fields[300] = [9]
    fields[1] = [7, 8]
    fields[4] = []
    #expect(article.contains("| 1: `07 08`; 4: empty; 300: `09` | `\(hex { fields.encode(into: &$0) })` |"))
    var table = TableDescriptor(id: TableID(7), name: "notes", keyFormat: "string", valueFormat: "int64")
    for what in ["table 7, `notes`, `string` to `int64`", "the same, dropped"] {
      let row =
        "| \(what) | `\(hex { table.encodeKey(into: &$0) })` | `\(hex { table.encodeValue(into: &$0) })` |"
      #expect(article.contains(row), "the article has no row \(row)")
      table.isDropped = true
    }
    // The article lists exactly the tags of a table.
    table.kind = TableKind(rawValue: "other")
    table.parameters = [1]
    table.retention = .seconds(1)
    table.indexOf = TableID(1)
    var value = ByteWriter()
    table.encodeValue(into: &value)
    let encoded = try TaggedFields(value.bytes.extracting(20...), of: "a table's definition")
    let part = try #require(article.split(separator: "| tag | field of a table |").last)
    let tags = part.split(separator: "\n").dropFirst().prefix { $0.hasPrefix("| ") }.compactMap {
      UInt64($0.dropFirst(2).prefix { $0 != " " })
    }
    #expect(encoded.fields.map(\.tag) == tags)
  }

  @Test func theExamplesReadWhatWasWritten() throws {
    let log = try FileLog.open(directory.path, TopicPartition("state", 0))
    let store = try StateStore.open(directory("store"), tables: [spent], changelog: log)
    try store.write([input: 1]) { try $0.put("anna", 1, in: spent) }
    try store.close()
    let lines = try describe(log)
    #expect(lines.count == 4)
    #expect(lines[2].hasPrefix("2..<4, epoch 0, 1 records, position [orders-0: 1]"))
    let file = try bytes(directory("state-0/00000000000000000000.log"))
    #expect(batches(ofSegment: file).lines.count == 2)
    #expect(batches(ofSegment: file).damage == nil)
    let torn = batches(ofSegment: Array(file.dropLast(1)))
    #expect(torn.lines.count == 1 && torn.damage == "the batch is cut short")
  }

  // MARK: Encodings, once more

  private func big(_ value: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * $0)) } }

  private func zigzag(_ value: Int) -> [UInt8] {
    var (rest, bytes) = (value * 2, [UInt8]())
    while rest >= 128 {
      bytes.append(UInt8(rest % 128 + 128))
      rest /= 128
    }
    return bytes + [UInt8(rest)]
  }

  /// Castagnoli's polynomial, bit by bit.
  private func crc32c(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var crc: UInt32 = ~0
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
    }
    return ~crc
  }
}

extension [UInt8] {
  fileprivate func hasSuffix(_ suffix: [UInt8]) -> Bool { Array(self.suffix(suffix.count)) == suffix }
}
