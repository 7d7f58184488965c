import Changelog
import Testing
import TidemarkTesting

@Suite struct RecordBatchTests {
  private func encoded(_ commit: borrowing Commit, _ placement: CommitPlacement) throws -> [UInt8] {
    var encoder = CommitEncoder()
    let measured = encoder.measure(commit)
    _ = encoder.encode(commit, placement)
    let scratch = Scratch()
    let storage = POSIXStorage()
    _ = try storage.createDirectory(scratch.path)
    let file = try #require(try storage.open(scratch.path + "/batch", .create))
    #expect(try encoder.write(commit.records.bytes, to: file, at: 0) == measured)
    return try scratch.bytes(scratch.path + "/batch")
  }

  private let placement = CommitPlacement(
    baseOffset: 1000, durableOffset: 500, epoch: 7, previousReceipt: Receipt(0x0102_0304_0506_0708),
    timestamp: 1_700_000_000_000)

  private func goldenCommit() -> Commit {
    var commit = Commit(position: [TopicPartition("in", 3): 99], streamTime: 1234)
    unsafe commit.records.append(
      TableID(300), key: Array("k1".utf8).span.bytes, value: Array("value".utf8).span.bytes)
    unsafe commit.records.append(TableID(1), key: Array("k2".utf8).span.bytes, value: nil)
    return commit
  }

  /// Computed from Kafka's field layout by another program, with its own CRC-32C.
  ///
  ///     base offset 1000 | length | epoch 7 | magic 2 | crc | attributes 0 | last delta 2 | time 1700000000000 twice
  ///     | producer -1, -1, -1 | 3 records: the commit, 300/k1 = value, 1/k2 deleted
  private let golden = """
    00000000000003e80000008a0000000702c12486930000000000020000018bcfe568000000018bcfe56800ffffffffff
    ffffffffffffffffff000000037c0000000400006c0100000000000001f400000000000003e800000007010203040506
    07080100000000000004d20102696e000000030000000000000063001e00000208ac026b310a76616c75650012000004
    06016b320100
    """

  @Test func aCommitIsOneKafkaBatchByteForByte() throws {
    let digits = Array(golden.filter { !$0.isWhitespace })
    let bytes = stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0..<$0 + 2]), radix: 16) }
    #expect(try encoded(goldenCommit(), placement) == bytes)
  }

  @Test func aBatchDecodesToItsCommit() throws {
    let bytes = try encoded(goldenCommit(), placement)
    let batch = unsafe try RecordBatch(startOf: bytes.span.bytes)
    let commit = try CommitBatch(batch)
    #expect(commit.baseOffset == 1000)
    #expect(commit.endOffset == 1003)
    #expect(commit.durableOffset == 500)
    #expect(commit.previousReceipt == placement.previousReceipt)
    #expect(decodeMetadata(commit.metadata)?.position == [TopicPartition("in", 3): 99])
    var keys: [String] = []
    try commit.records.forEach { (table, key, value) throws(StoreError) in
      var text = "nil"
      if let value { text = String(utf8: value) ?? "" }
      keys.append("\(table)/\(String(utf8: key) ?? "")=\(text)")
    }
    #expect(keys == ["300/k1=value", "1/k2=nil"])
  }

  @Test func everyFlippedBitIsFound() throws {
    let bytes = try encoded(goldenCommit(), placement)
    for at in bytes.indices {
      for bit in 0..<8 {
        var damaged = bytes
        damaged[at] ^= 1 << UInt8(bit)
        var isFound = false
        do {
          _ = try CommitBatch(unsafe RecordBatch(startOf: damaged.span.bytes))
        } catch {
          isFound = true
        }
        #expect(isFound, "byte \(at), bit \(bit)")
      }
    }
  }

  @Test func everyCutIsFound() throws {
    let bytes = try encoded(goldenCommit(), placement)
    for count in bytes.indices {
      let cut = Array(bytes[..<count])
      #expect(throws: RecordBatch.Damage.self) { _ = unsafe try RecordBatch(startOf: cut.span.bytes).header }
    }
  }

  /// A batch as a Kafka producer writes it, with one record: key "k", value "v".
  private func kafkaBatch(attributes: UInt16) -> [UInt8] {
    var tail = ByteWriter()
    tail.append(bigEndian: attributes)
    tail.append(bigEndian: Int32(0))
    for _ in 0..<2 { tail.append(bigEndian: Int64(1000)) }
    tail.append(bigEndian: Int64(-1))
    tail.append(bigEndian: Int16(-1))
    tail.append(bigEndian: Int32(-1))
    tail.append(bigEndian: Int32(1))
    for byte: UInt8 in [16, 0, 0, 0, 2, UInt8(ascii: "k"), 2, UInt8(ascii: "v"), 0] { tail.append(byte) }
    var batch = ByteWriter()
    batch.append(bigEndian: Int64(0))
    batch.append(bigEndian: Int32(9 + tail.count))
    batch.append(bigEndian: Int32(0))
    batch.append(2)
    batch.append(bigEndian: crc32c(0, tail.bytes))
    batch.append(tail.bytes)
    return unsafe batch.bytes.withUnsafeBytes { unsafe Array($0) }
  }

  @Test func batchesOfKafkaAreIterated() throws {
    let batch = kafkaBatch(attributes: 0)
    let segment = batch + batch + batch.dropLast()
    var positions: [Int] = []
    let end = unsafe RecordBatch.forEach(in: segment.span.bytes) { (batch, position) in
      positions.append(position)
      #expect(batch.header.recordCount == 1)
    }
    #expect(positions == [0, batch.count])
    #expect(end.byteCount == 2 * batch.count)
    #expect(end.damage?.isCutShort == true)
  }

  @Test(arguments: [0, 1, 4, 0x10, 0x20, 0x80] as [UInt16])
  func whatIsNotUnderstoodIsNamed(attributes: UInt16) throws {
    let scratch = Scratch()
    let log = try scratch.open()
    try scratch.write(kafkaBatch(attributes: attributes), to: scratch.segment(0))
    let error = failure(.unsupported) { _ = try readAll(log) }
    #expect(error?.value("file") == scratch.segment(0))
    _ = failure(.unsupported) { _ = try log.openWriter() }
  }
}
