import Foundation
import Testing
import Tidemark
import TidemarkTesting

/// Values sort as their bytes do, alone and as parts of a key, and come back as they were.
@Suite struct CodecsOrderTests {
  /// Checks all pairs of some values: the order of values, of bytes and of parts, and that no part starts another.
  func check<C: KeyCodec>(
    _ codec: C, _ values: [C.Value], _ equal: (C.Value, C.Value) -> Bool, _ precedes: (C.Value, C.Value) -> Bool
  ) throws {
    let whole = try values.map { try codec.encoded($0) }
    let parts = try values.map { try codec.encodedComponent($0) }
    for (i, value) in values.enumerated() {
      #expect(equal(try codec.decoded(whole[i]), value))
      let (part, remaining) = try codec.decodedComponent(parts[i] + [0, 0xFF, 1])
      #expect(equal(part, value))
      #expect(remaining == 3)
      for j in values.indices {
        let expected = precedes(value, values[j])
        guard
          whole[i].lexicographicallyPrecedes(whole[j]) == expected,
          parts[i].lexicographicallyPrecedes(parts[j]) == expected,
          parts[i] == parts[j] || !parts[j].starts(with: parts[i])
        else {
          Issue.record("\(codec.name): \(value) and \(values[j]) encode to \(parts[i]) and \(parts[j])")
          return
        }
      }
    }
  }

  func check<C: KeyCodec>(_ codec: C, _ values: [C.Value]) throws where C.Value: Comparable {
    try check(codec, values, { $0 == $1 }, { $0 < $1 })
  }

  func random<T>(_ count: Int = 60, _ make: () -> T) -> [T] { (0..<count).map { _ in make() } }

  @Test func integersOfEveryWidth() throws {
    var generator = SeededGenerator(seed: testSeed())
    func check<T: FixedWidthInteger & BitwiseCopyable & Sendable>(_ type: T.Type) throws {
      let values: [T] = random {
        T.random(in: .min ... .max, using: &generator) >> Int.random(in: 0..<T.bitWidth, using: &generator)
      }
      let extremes: [T] = [.min, .max, 0, 1, .max - 1, .min + 1, 0 &- 1]
      try self.check(IntegerCodec<T>(), values + extremes)
    }
    try check(Int64.self)
    try check(Int32.self)
    try check(Int16.self)
    try check(Int8.self)
    try check(UInt64.self)
    try check(UInt32.self)
    try check(UInt16.self)
    try check(UInt8.self)
  }

  /// Texts that collide: prefixes, NUL, letters of one to four bytes.
  func randomText(_ generator: inout SeededGenerator) -> String {
    let letters: [Unicode.Scalar] = ["\0", "\u{1}", "a", "b", "\u{7F}", "é", "\u{FFFF}", "😀", "\u{10FFFF}"]
    var text = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: 0...4, using: &generator) { text.append(letters.randomElement(using: &generator)!) }
    return String(text)
  }

  func scalarsPrecede(_ a: String, _ b: String) -> Bool { a.unicodeScalars.lexicographicallyPrecedes(b.unicodeScalars) }
  func scalarsEqual(_ a: String, _ b: String) -> Bool { a.unicodeScalars.elementsEqual(b.unicodeScalars) }

  @Test func textSortsByUnicodeScalars() throws {
    var generator = SeededGenerator(seed: testSeed())
    let texts = random(120) { randomText(&generator) } + ["", "\0", "\0\0", "a", "a\0", "e\u{301}", "\u{E9}"]
    try check(Codecs.string, texts, scalarsEqual, scalarsPrecede)
  }

  func randomBytes(_ generator: inout SeededGenerator) -> [UInt8] {
    random(Int.random(in: 0...4, using: &generator)) { [0, 1, 2, 0x61, 0xFE, 0xFF].randomElement(using: &generator)! }
  }

  @Test func bytesSortUnsigned() throws {
    var generator = SeededGenerator(seed: testSeed())
    let extremes: [[UInt8]] = [[], [0], [0, 0], [0, 1], [0, 0xFF], [0xFF], [0xFF, 0xFF]]
    let values = random(120) { randomBytes(&generator) } + extremes
    try check(Codecs.bytes, values, { $0 == $1 }, { $0.lexicographicallyPrecedes($1) })
  }

  @Test func uuidsSortByTheirBytes() throws {
    var generator = SeededGenerator(seed: testSeed())
    let ids = random { UUID.random(using: &generator) }
    try check(Codecs.uuid, ids, { $0 == $1 }, { $0.uuidString < $1.uuidString })
  }

  @Test func aUsersCodecIsEscapedAsAPart() throws {
    var generator = SeededGenerator(seed: testSeed())
    let texts = random(120) { randomText(&generator) } + ["", "\0", "\0a", "a\0"]
    func reversed(_ text: String) -> [UInt8] { text.utf8.reversed() }
    try check(ReversedTextCodec(), texts, scalarsEqual, { reversed($0).lexicographicallyPrecedes(reversed($1)) })
  }

  @Test func tuplesSortByTheirParts() throws {
    var generator = SeededGenerator(seed: testSeed())
    let codec = Codecs.tuple(Codecs.bytes, Codecs.int32, Codecs.tuple(Codecs.bytes, Codecs.double))
    typealias Key = ([UInt8], Int32, ([UInt8], Double))
    let keys: [Key] = random(150) {
      let numbers: [Double] = [-.infinity, -1, 0, 2.5, .infinity]
      return (
        randomBytes(&generator), Int32.random(in: -1...1, using: &generator),
        (randomBytes(&generator), numbers.randomElement(using: &generator)!)
      )
    }
    func equal(_ a: Key, _ b: Key) -> Bool { a.0 == b.0 && a.1 == b.1 && a.2.0 == b.2.0 && a.2.1 == b.2.1 }
    func precedes(_ a: Key, _ b: Key) -> Bool {
      if a.0 != b.0 { return a.0.lexicographicallyPrecedes(b.0) }
      if a.1 != b.1 { return a.1 < b.1 }
      if a.2.0 != b.2.0 { return a.2.0.lexicographicallyPrecedes(b.2.0) }
      return a.2.1 < b.2.1
    }
    try check(codec, keys, equal, precedes)
  }

  @Test func listsSortElementByElementAndPrefixesFirst() throws {
    var generator = SeededGenerator(seed: testSeed())
    let lists: [[[UInt8]]] = random(100) {
      random(Int.random(in: 0...3, using: &generator)) { randomBytes(&generator) }
    }
    func precedes(_ a: [[UInt8]], _ b: [[UInt8]]) -> Bool {
      a.lexicographicallyPrecedes(b) { $0.lexicographicallyPrecedes($1) }
    }
    let codec = Codecs.list(Codecs.bytes)
    let extremes: [[[UInt8]]] = [[], [[]], [[], []], [[0]], [[0], [0]]]
    try check(codec, lists + extremes, { $0 == $1 }, precedes)
    let nested: [[[[UInt8]]]] = random(60) {
      random(Int.random(in: 0...2, using: &generator)) { lists.randomElement(using: &generator)! }
    }
    try check(
      Codecs.list(codec), nested, { $0 == $1 }, { $0.lexicographicallyPrecedes($1, by: precedes) })
  }
}

extension UUID {
  static func random(using generator: inout SeededGenerator) -> UUID {
    let (a, b) = (generator.next(), generator.next())
    func byte(_ word: UInt64, _ n: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: word >> (8 * n)) }
    return UUID(
      uuid: (
        byte(a, 0), byte(a, 1), byte(a, 2), byte(a, 3), byte(a, 4), byte(a, 5), byte(a, 6), byte(a, 7), byte(b, 0),
        byte(b, 1), byte(b, 2), byte(b, 3), byte(b, 4), byte(b, 5), byte(b, 6), byte(b, 7)
      ))
  }
}
