import Foundation
import Testing
import Tidemark
import TidemarkTesting

/// Pairs and triples are tuples: the same bytes, names, order and errors as the codec of any number of parts has.
@Suite struct CodecsTupleTests {
  let pair: PairCodec<StringCodec, IntegerCodec<Int64>> = .tuple(.string, .int64)
  let triple: TripleCodec<BytesCodec, DoubleCodec, ListCodec<StringCodec>> = .tuple(.bytes, .double, .list(.string))

  func randomText(_ generator: inout SeededGenerator) -> String {
    let letters = ["\0", "a", "\u{1}", "é", "😀", "0123456\0", "long enough for a word"]
    let count = Int.random(in: 0...3, using: &generator)
    return (0..<count).map { _ in letters.randomElement(using: &generator)! }.joined()
  }

  @Test func pairsHaveTheBytesOfTuples() throws {
    var generator = SeededGenerator(seed: testSeed())
    let pack = Codecs.tuple(Codecs.string, Codecs.int64)
    #expect(pair.name == "tuple(string,int64)" && pair.name == pack.name)
    var keys: [(String, Int64)] = []
    for _ in 0..<120 { keys.append((randomText(&generator), Int64.random(in: -3...3, using: &generator))) }
    for key in keys {
      var buffer = ByteWriter()
      try pack.encode(key, into: &buffer)
      #expect(try pair.encoded(key) == buffer.bytes.copied)
      let (text, number) = try pack.decode(buffer.bytes)
      #expect(text.unicodeScalars.elementsEqual(key.0.unicodeScalars) && number == key.1)
    }
    try CodecsOrderTests().check(pair, keys, { $0.0.utf8.elementsEqual($1.0.utf8) && $0.1 == $1.1 }) { a, b in
      a.0.utf8.elementsEqual(b.0.utf8) ? a.1 < b.1 : a.0.utf8.lexicographicallyPrecedes(b.0.utf8)
    }
    try CodecsDamageTests().damage(pair, ("tea\0", -5), &generator)
  }

  @Test func triplesHaveTheBytesOfTuples() throws {
    var generator = SeededGenerator(seed: testSeed())
    let pack = Codecs.tuple(Codecs.bytes, Codecs.double, Codecs.list(Codecs.string))
    #expect(triple.name == "tuple(bytes,double,list(string))" && triple.name == pack.name)
    var keys: [([UInt8], Double, [String])] = []
    for _ in 0..<120 {
      let count = Int.random(in: 0...2, using: &generator)
      keys.append(
        (
          Array(randomText(&generator).utf8), [-1.5, 0, .infinity].randomElement(using: &generator)!,
          (0..<count).map { _ in randomText(&generator) }
        ))
    }
    for key in keys {
      var buffer = ByteWriter()
      try pack.encode(key, into: &buffer)
      #expect(try triple.encoded(key) == buffer.bytes.copied)
    }
    func bytes(_ texts: [String]) -> [[UInt8]] { texts.map { Array($0.utf8) } }
    try CodecsOrderTests().check(triple, keys, { $0.0 == $1.0 && $0.1 == $1.1 && bytes($0.2) == bytes($1.2) }) { a, b in
      if a.0 != b.0 { return a.0.lexicographicallyPrecedes(b.0) }
      if a.1 != b.1 { return a.1 < b.1 }
      return bytes(a.2).lexicographicallyPrecedes(bytes(b.2)) { $0.lexicographicallyPrecedes($1) }
    }
    try CodecsDamageTests().damage(triple, ([0, 1], 2.5, ["", "a\0b"]), &generator)
  }

  @Test func longerTuplesAreCodecsOfAnyNumberOfParts() throws {
    let table = Table("transfers", key: .tuple(.string, .int64, .uint8, .uuid, .bytes), value: .tuple(.string))
    #expect(table.keyFormat == "tuple(string,int64,uint8,uuid,bytes)")
    #expect(table.valueFormat == "tuple(string)")
  }

  /// A store that was written with the codec of any number of parts opens with pairs.
  @Test func aTableOfTuplesOpensAsOneOfPairs() throws {
    let directory = try TemporaryDirectory()
    let log = try directory.log()
    let written = Table("visits", key: TupleCodec(Codecs.string, Codecs.int64), value: .string)
    let store = try StateStore.open(directory("store"), tables: [written], changelog: log)
    try store.write { try $0.put(("a\0", 7), "x", in: written) }
    try store.close()
    let read = Table("visits", key: .tuple(.string, .int64), value: .string)
    let again = try StateStore.open(directory("store"), tables: [read], changelog: log)
    #expect(try again.snapshot().get(("a\0", 7), in: read) == "x")
  }

  @Test func partsAreEscapedWhereverTheZeroByteIs() throws {
    for length in 0...20 {
      for zero in 0..<max(length, 1) {
        var bytes = [UInt8](repeating: 0xFF, count: length)
        if length > 0 { bytes[zero] = 0 }
        let expected = bytes.flatMap { $0 == 0 ? [0, 0xFF] as [UInt8] : [$0] } + [0, 1] as [UInt8]
        #expect(try Codecs.bytes.encodedComponent(bytes) == expected)
        let (decoded, remaining) = try Codecs.bytes.decodedComponent(expected + [0, 1])
        #expect(decoded == bytes && remaining == 2)
      }
    }
    // Bytes whose lowest bit would borrow from the next in a careless search for zeros.
    #expect(try Codecs.bytes.encodedComponent([1, 0x80, 1, 0, 1, 1, 1, 1]) == [1, 0x80, 1, 0, 0xFF, 1, 1, 1, 1, 0, 1])
  }
}
