import Foundation
import Testing
import Tidemark
import TidemarkTesting

/// A codec's two directions: the bytes of a value, and the value back.
extension Codec {
  func encoded(_ value: Value) throws -> [UInt8] {
    var buffer = ByteWriter()
    try encode(value, into: &buffer)
    return buffer.bytes.copied
  }

  func decoded(_ bytes: [UInt8]) throws -> Value { try decode(bytes.rawSpan) }
}

extension KeyCodec {
  func encodedComponent(_ value: Value) throws -> [UInt8] {
    var buffer = ByteWriter()
    try encodeComponent(value, into: &buffer)
    return buffer.bytes.copied
  }

  /// The value, and the number of bytes left after it.
  func decodedComponent(_ bytes: [UInt8]) throws -> (value: Value, remaining: Int) {
    var reader = ByteReader(bytes.rawSpan)
    let value = try decodeComponent(&reader)
    return (value, reader.remaining)
  }
}

extension RawSpan {
  var copied: [UInt8] { (0..<byteCount).map { unsafe unsafeLoad(fromByteOffset: $0, as: UInt8.self) } }
}

/// The store's codecs as values, for places without a context in which `.string` and the like stand for them.
enum Codecs {
  static let string: StringCodec = .string
  static let bytes: BytesCodec = .bytes
  static let double: DoubleCodec = .double
  static let uuid: UUIDCodec = .uuid
  static let int64: IntegerCodec<Int64> = .int64
  static let int32: IntegerCodec<Int32> = .int32
  static let uint64: IntegerCodec<UInt64> = .uint64
  static let uint32: IntegerCodec<UInt32> = .uint32
  static let uint8: IntegerCodec<UInt8> = .uint8
  static func list<Element: KeyCodec>(_ element: Element) -> ListCodec<Element> { .list(element) }
  static func json<Value: Codable & Sendable>(_ type: Value.Type) -> JSONCodec<Value> { .json(type) }
  static func tuple<each Element: KeyCodec>(_ elements: repeat each Element) -> TupleCodec<repeat each Element> {
    TupleCodec(repeat each elements)
  }
}

/// Text stored from last to first letter, under a name of its own: a user's codec, with the default escaping.
struct ReversedTextCodec: KeyCodec {
  var name: String { "reversed-text" }

  func encode(_ value: String, into bytes: inout ByteWriter) {
    for byte in value.utf8.reversed() { bytes.append(byte) }
  }

  func decode(_ bytes: RawSpan) throws(StoreError) -> String {
    guard let text = String(validating: bytes.copied.reversed(), as: UTF8.self) else {
      throw StoreError(.corrupted, "reversed text is not UTF-8")
    }
    return text
  }
}

@Suite struct CodecsTests {
  // MARK: Known bytes

  @Test func integersAreBigEndianWithTheSignFlipped() throws {
    #expect(try Codecs.int64.encoded(0) == [0x80, 0, 0, 0, 0, 0, 0, 0])
    #expect(try Codecs.int64.encoded(-1) == [0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])
    #expect(try Codecs.int64.encoded(.min) == [0, 0, 0, 0, 0, 0, 0, 0])
    #expect(try Codecs.int32.encoded(1) == [0x80, 0, 0, 1])
    #expect(try Codecs.uint32.encoded(0x0102_0304) == [1, 2, 3, 4])
    #expect(try Codecs.uint8.encoded(0xAB) == [0xAB])
    #expect(Codecs.int32.name == "int32")
    #expect(Codecs.uint64.name == "uint64")
  }

  @Test func partsOfVariableLengthAreEscapedAndTerminated() throws {
    #expect(try Codecs.string.encodedComponent("a\0b") == [0x61, 0, 0xFF, 0x62, 0, 1])
    #expect(try Codecs.string.encodedComponent("") == [0, 1])
    #expect(try Codecs.bytes.encodedComponent([0, 1]) == [0, 0xFF, 1, 0, 1])
    func bytes<C: KeyCodec>(_ codec: C, _ value: C.Value) throws -> [UInt8] { try codec.encoded(value) }
    let pair = try bytes(Codecs.tuple(Codecs.string, Codecs.uint8), ("a", 7))
    #expect(pair == [0x61, 0, 1, 7])
    #expect(try Codecs.list(Codecs.uint8).encoded([7, 8]) == [1, 7, 1, 8, 0])
  }

  @Test func namesTellTheWholeShape() {
    let codec = Codecs.tuple(Codecs.string, Codecs.list(Codecs.tuple(Codecs.double, Codecs.uuid)))
    #expect(codec.name == "tuple(string,list(tuple(double,uuid)))")
  }

  // MARK: Doubles

  @Test func doublesSortInTheTotalOrder() throws {
    let ascending: [Double] = [
      -.nan, -.infinity, -.greatestFiniteMagnitude, -1, -.leastNormalMagnitude, -.leastNonzeroMagnitude, -0.0, 0.0,
      .leastNonzeroMagnitude, .leastNormalMagnitude, 1, .greatestFiniteMagnitude, .infinity, .signalingNaN, .nan,
    ]
    let codec = Codecs.double
    let encoded = try ascending.map { try codec.encoded($0) }
    for (a, b) in zip(encoded, encoded.dropFirst()) { #expect(a.lexicographicallyPrecedes(b)) }
    for (value, bytes) in zip(ascending, encoded) {
      #expect(try codec.decoded(bytes).bitPattern == value.bitPattern)
    }
  }

  @Test func randomDoublesSortAsIEEE754TotalOrderAndRoundTripBitByBit() throws {
    var generator = SeededGenerator(seed: testSeed())
    let codec = Codecs.double
    for _ in 0..<2000 {
      let (a, b) = (Double(bitPattern: generator.next()), Double(bitPattern: generator.next()))
      let (x, y) = (try codec.encoded(a), try codec.encoded(b))
      #expect(x.lexicographicallyPrecedes(y) == (a.bitPattern != b.bitPattern && a.isTotallyOrdered(belowOrEqualTo: b)))
      #expect(try codec.decoded(x).bitPattern == a.bitPattern)
    }
  }

  // MARK: JSON

  struct Order: Codable, Sendable, Equatable {
    var zone: String
    var amounts: [String: Int]
    var id: Int?
  }

  @Test func theSameValueGivesTheSameJSON() throws {
    let codec = Codecs.json(Order.self)
    let names = (0..<40).map { "item\($0)" }
    var first = Order(zone: "north/east", amounts: [:], id: 7)
    var second = first
    for (n, name) in names.enumerated() { first.amounts[name] = n }
    second.amounts.reserveCapacity(1000)
    for (n, name) in names.enumerated().reversed() { second.amounts[name] = n }
    #expect(try codec.encoded(first) == codec.encoded(second))
    #expect(try codec.decoded(codec.encoded(first)) == first)
    let small = Order(zone: "north/east", amounts: ["b": 2, "a": 1], id: nil)
    #expect(try codec.encoded(small) == Array(#"{"amounts":{"a":1,"b":2},"zone":"north/east"}"#.utf8))
  }

  @Test(arguments: ["", "{", "{\"zone\":\"\u{0}\"", "nul", "{\"zone\":\"a\",\"amounts\":{}}}", "\u{FFFD}"])
  func whatIsNotJSONIsCorrupted(_ text: String) throws {
    let error = #expect(throws: StoreError.self) { try Codecs.json(Order.self).decoded(Array(text.utf8)) }
    #expect(error?.kind == .corrupted)
    #expect(error?.metadata.first?.value == "Order")
  }

  @Test(arguments: [
    ("[]", "the value itself"), (#"{"zone":1,"amounts":{}}"#, "zone"), (#"{"amounts":{}}"#, "zone"),
    (#"{"zone":"a","amounts":{"x":"y"}}"#, "amounts.x"), (#"{"zone":null,"amounts":{}}"#, "zone"),
  ])
  func jsonOfAnotherTypeIsASchemaMismatch(_ text: String, _ field: String) throws {
    let error = #expect(throws: StoreError.self) { try Codecs.json(Order.self).decoded(Array(text.utf8)) }
    #expect(error?.kind == .schemaMismatch, "\(error as Any)")
    #expect(error?.metadata.prefix(2).map(\.value) == ["Order", field], "\(error as Any)")
    #expect(error?.metadata.last?.name == "difference")
    // Foundation doesn't say where a number doesn't fit.
    _ = storeError(.schemaMismatch) {
      _ = try Codecs.json(Order.self).decoded(Array(#"{"zone":"a","amounts":{"x":1.5}}"#.utf8))
    }
  }

  @Test func aValueThatJSONCannotSayIsAnInvalidArgument() throws {
    let error = #expect(throws: StoreError.self) { try Codecs.json([Double].self).encoded([.nan]) }
    #expect(error?.kind == .invalidArgument)
  }
}
