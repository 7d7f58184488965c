import Foundation
import Testing
import Tidemark
import TidemarkTesting

/// Bytes that no codec wrote give an error or another value, never a trap.
@Suite struct CodecsDamageTests {
  /// Damages the bytes of a value in many ways.
  ///
  /// A value that still decodes must encode to the very bytes it was read from, or two keys would be one.
  func damage<C: KeyCodec>(_ codec: C, _ value: C.Value, _ generator: inout SeededGenerator) throws {
    let bytes = try codec.encoded(value)
    func decode(_ bytes: [UInt8]) throws {
      do {
        let found = try codec.decoded(bytes)
        #expect(try codec.encoded(found) == bytes, "\(codec.name)")
      } catch let error as StoreError {
        #expect(error.kind == .corrupted)
      }
      do { _ = try codec.decodedComponent(bytes) } catch let error as StoreError { #expect(error.kind == .corrupted) }
    }
    for count in 0..<bytes.count { try decode(Array(bytes[..<count])) }
    for extra: UInt8 in [0, 1, 0x61, 0xFF] { try decode(bytes + [extra]) }
    for index in bytes.indices {
      for bit in 0..<8 {
        var flipped = bytes
        flipped[index] ^= 1 << bit
        try decode(flipped)
      }
    }
    for _ in 0..<100 {
      let alphabet: [UInt8] = [0, 1, 0xFF, 0x61]
      let count = Int.random(in: 0...24, using: &generator)
      try decode((0..<count).map { _ in alphabet.randomElement(using: &generator)! })
    }
  }

  @Test func damagedBytesAreCorruptedOrAnotherValue() throws {
    var generator = SeededGenerator(seed: testSeed())
    try damage(Codecs.int64, -5, &generator)
    try damage(Codecs.uint8, 5, &generator)
    try damage(Codecs.double, .nan, &generator)
    try damage(Codecs.uuid, UUID.random(using: &generator), &generator)
    try damage(Codecs.string, "tea\0 and 😀", &generator)
    try damage(Codecs.bytes, [0, 1, 2], &generator)
    try damage(ReversedTextCodec(), "tea", &generator)
    try damage(Codecs.list(Codecs.string), ["", "a\0b", "😀"], &generator)
    try damage(
      Codecs.tuple(Codecs.string, Codecs.int32, Codecs.list(Codecs.bytes)),
      ("a\0", 7, [[], [0]]), &generator)
  }

  @Test func shortenedAndLengthenedBytesAreCorrupted() throws {
    func expectCorrupted<C: KeyCodec>(_ codec: C, _ bytes: [UInt8]) {
      let error = #expect(throws: StoreError.self) { _ = try codec.decoded(bytes) }
      #expect(error?.kind == .corrupted)
    }
    func check<C: KeyCodec>(_ codec: C, _ value: C.Value) throws {
      let bytes = try codec.encoded(value)
      for count in 0..<bytes.count { expectCorrupted(codec, Array(bytes[..<count])) }
      expectCorrupted(codec, bytes + [0])
    }
    try check(Codecs.int32, 1)
    try check(Codecs.double, 1)
    try check(Codecs.uuid, UUID())
    try check(Codecs.list(Codecs.string), ["a", ""])
    try check(Codecs.tuple(Codecs.string, Codecs.int64), ("a", 1))
    expectCorrupted(Codecs.string, [0xC3])
    expectCorrupted(Codecs.string, [0xED, 0xA0, 0x80])
    expectCorrupted(Codecs.tuple(Codecs.string), [0x61, 0, 2])
    expectCorrupted(Codecs.tuple(Codecs.string), [0x61, 0])
    expectCorrupted(Codecs.list(Codecs.string), [2])
  }
}
