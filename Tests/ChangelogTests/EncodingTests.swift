import CChecksum
import Changelog
import Testing
import TidemarkTesting

@Suite struct EncodingTests {
  /// Vectors of RFC 3720, B.4, and the customary check value.
  @Test func crc32cGivesTheKnownValues() {
    let vectors: [([UInt8], UInt32)] = [
      (Array("123456789".utf8), 0xE306_9283),
      ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
      ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
      (Array(0..<32), 0x46DD_794E),
      (Array((0..<32).reversed()), 0x113F_DB5C),
      ([], 0),
    ]
    for (bytes, checksum) in vectors {
      #expect(unsafe tidemark_crc32c(0, bytes, bytes.count) == checksum)
      #expect(unsafe tidemark_crc32c_portable(0, bytes, bytes.count) == checksum)
    }
  }

  @Test func crc32cInHardwareIsThatByTable() {
    var random = SeededGenerator(seed: testSeed())
    let bytes = (0..<20_100).map { _ in UInt8.random(in: 0...255, using: &random) }
    for round in 0..<400 {
      let count = round < 100 ? round : Int.random(in: 0...20_000, using: &random)
      let start = Int.random(in: 0..<100, using: &random)
      let split = Int.random(in: 0...count, using: &random)
      unsafe bytes.withUnsafeBytes { buffer in
        let base = unsafe buffer.baseAddress! + start
        let whole = unsafe tidemark_crc32c_portable(0, base, count)
        #expect(unsafe tidemark_crc32c(0, base, count) == whole)
        let head = unsafe tidemark_crc32c(0, base, split)
        #expect(unsafe tidemark_crc32c(head, base + split, count - split) == whole)
      }
    }
  }

  @Test func varintsComeBack() {
    var random = SeededGenerator(seed: testSeed())
    var values: [UInt64] = [0, 1, 127, 128, 16_383, 16_384, UInt64.max, UInt64.max - 1, 1 << 63]
    for _ in 0..<500 { values.append(UInt64.random(in: 0...UInt64.max, using: &random) >> UInt64.random(in: 0..<64)) }
    for value in values {
      var buffer = ByteWriter()
      buffer.append(varint: value)
      #expect(buffer.count == varintLength(value))
      buffer.append(zigzag: Int64(bitPattern: value))
      #expect(buffer.count == varintLength(value) + zigzagLength(Int64(bitPattern: value)))
      var reader = ByteReader(buffer.bytes)
      #expect(reader.varint() == value)
      #expect(reader.zigzag() == Int64(bitPattern: value))
      #expect(reader.remaining == 0)
    }
  }

  @Test func varintsThatAreCutOrTooLongAreRefused() {
    for bytes: [UInt8] in [[], [0x80], [UInt8](repeating: 0x80, count: 10), [UInt8](repeating: 0xFF, count: 9) + [2]] {
      var reader = unsafe ByteReader(bytes.span.bytes)
      #expect(reader.varint() == nil)
      #expect(reader.position == 0)
    }
  }

  @Test func metadataComesBack() {
    let position: Position = [TopicPartition("b", 1): 7, TopicPartition("a", 9): 8, TopicPartition("ü", 0): -1]
    for streamTime: Timestamp? in [nil, 0, -5, .max] {
      var buffer = ByteWriter()
      encodeMetadata(position: position, streamTime: streamTime, into: &buffer)
      let decoded = decodeMetadata(buffer.bytes)
      #expect(decoded?.position == position)
      #expect(decoded?.streamTime == streamTime)
      for count in 0..<buffer.count { #expect(decodeMetadata(buffer.bytes.extracting(..<count)) == nil) }
    }
  }
}
