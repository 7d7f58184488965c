import Foundation
import Testing
import Tidemark
import TidemarkTesting

/// Compact values: known bytes, everything that `Codable` types do, changed declarations, and damage.
@Suite struct CodecsCompactTests {
  func roundTrip<T: Codable & Sendable & Equatable>(_ value: T, _ location: SourceLocation = #_sourceLocation) throws {
    let codec = CompactCodec<T>()
    let bytes = try codec.encoded(value)
    #expect(try codec.decoded(bytes) == value, sourceLocation: location)
    #expect(try codec.encoded(codec.decoded(bytes)) == bytes, "the same value, other bytes", sourceLocation: location)
  }

  func bytes<T: Codable & Sendable>(_ value: T) throws -> [UInt8] { try CompactCodec<T>().encoded(value) }

  func mismatch<T: Codable & Sendable>(
    _ type: T.Type, _ bytes: [UInt8], _ field: String, _ location: SourceLocation = #_sourceLocation
  ) {
    let error = storeError(.schemaMismatch, sourceLocation: location) { _ = try CompactCodec<T>().decoded(bytes) }
    #expect(error?.metadata.prefix(2).map(\.value) == ["\(type)", field], "\(error as Any)", sourceLocation: location)
  }

  // MARK: Known bytes

  @Test func theBytesAreThoseOfCBOR() throws {
    struct Point: Codable, Equatable { var x: Int, y: Int? }
    #expect(CompactCodec<Int>().name == "compact")
    #expect(try bytes(Point(x: 1, y: -500)) == [1, 0xBF, 0x61, 0x78, 1, 0x61, 0x79, 0x39, 0x01, 0xF3, 0xFF])
    #expect(try bytes(Point(x: 1, y: nil)) == [1, 0xBF, 0x61, 0x78, 1, 0xFF])
    #expect(try bytes([true, false]) == [1, 0x9F, 0xF5, 0xF4, 0xFF])
    #expect(try bytes(Int?.none) == [1, 0xF6])
    #expect(try bytes("é") == [1, 0x62, 0xC3, 0xA9])
    #expect(try bytes(1.5) == [1, 0xFB, 0x3F, 0xF8, 0, 0, 0, 0, 0, 0])
    #expect(try bytes(Float(1.5)) == [1, 0xFA, 0x3F, 0xC0, 0, 0])
    #expect(try bytes(Data([7, 8])) == [1, 0x42, 7, 8])
    #expect(try bytes(UUID()).count == 18)
    let numbers: [Int64: [UInt8]] = [
      0: [0], 23: [0x17], 24: [0x18, 24], 255: [0x18, 0xFF], 256: [0x19, 1, 0], 65536: [0x1A, 0, 1, 0, 0],
      1 << 32: [0x1B, 0, 0, 0, 1, 0, 0, 0, 0], -1: [0x20], -24: [0x37], -25: [0x38, 24],
      .min: [0x3B, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
    ]
    for (number, expected) in numbers { #expect(try bytes(number) == [1] + expected) }
  }

  @Test func aDictionaryHasOneEncoding() throws {
    let names = (0..<40).map { "item \($0)" }
    var (first, second) = ([String: Int](), [String: Int](minimumCapacity: 1000))
    for (n, name) in names.enumerated() { first[name] = n }
    for (n, name) in names.enumerated().reversed() { second[name] = n }
    #expect(try bytes(first) == bytes(second))
    #expect(try bytes(["b": 2, "a": 1]) == [1, 0xBF, 0x61, 0x61, 1, 0x61, 0x62, 2, 0xFF])
    try roundTrip([String: Int]())
    try roundTrip(["": ["b": [1, 2], "a": []], "x": [:]])
    try roundTrip([5: "five", -7: "seven"])
  }

  // MARK: All that types do

  enum Shape: Codable, Equatable { case circle(radius: Double), rectangle(Int, Int), nothing }
  final class Node: Codable, Equatable, Sendable {
    let name: String
    let children: [Node]
    init(_ name: String, _ children: [Node]) { (self.name, self.children) = (name, children) }
    static func == (a: Node, b: Node) -> Bool { a.name == b.name && a.children == b.children }
  }
  struct Everything: Codable, Equatable, Sendable {
    var bool = true
    var numbers: [Int8] = [.min, 0, .max]
    var wide: [UInt64] = [0, .max]
    var int = Int.min
    var double = -0.25
    var float = Float.pi
    var text = "tea\0 and 😀"
    var none: String?
    var some: Int? = 5
    var nested: [[String?]] = [[], [nil, "a"]]
    var date = Date(timeIntervalSinceReferenceDate: 0.1)
    var data = Data([0, 255])
    var id = UUID()
    var url = URL(string: "https://example.com/a?b#c")!
    var decimal = Decimal(string: "-12.5")!
    var shapes: [Shape] = [.circle(radius: 1), .rectangle(2, 3), .nothing]
    var tier = Tier.gold
    var node = Node("root", [Node("a", []), Node("b", [Node("c", [])])])
    var range = 3..<9
  }

  @Test func typesOfAllKindsComeBack() throws {
    try roundTrip(Everything())
    try roundTrip([Everything]())
    try roundTrip(Optional<Everything>.none)
    try roundTrip(Tier.silver)
    try roundTrip(Shape.nothing)
    try roundTrip([Int?]([1, nil]))
    try roundTrip(String(repeating: "long ", count: 20_000))
    struct Empty: Codable, Equatable {}
    try roundTrip(Empty())
    for double in [Double.infinity, -0.0, .leastNonzeroMagnitude] { try roundTrip(double) }
    #expect(try CompactCodec<Double>().decoded(bytes(Double.nan)).isNaN)
    #expect(try CompactCodec<[Float]>().decoded(bytes([Float.nan]))[0].isNaN)
  }

  class Animal: Codable { var name = "" }
  final class Dog: Animal {
    var age = 0
    enum CodingKeys: CodingKey { case age }
    override init() { super.init() }
    required init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      age = try container.decode(Int.self, forKey: .age)
      try super.init(from: container.superDecoder())
    }
    override func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try super.encode(to: container.superEncoder())
      try container.encode(age, forKey: .age)
    }
  }

  /// Containers that are written alternately, out of order, and left empty.
  struct Interleaved: Codable, Equatable, Sendable {
    var numbers = [1, 2, 3]
    enum CodingKeys: CodingKey { case a, b, list, empty, last }
    init() {}
    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      var a = container.nestedContainer(keyedBy: CodingKeys.self, forKey: .a)
      var list = container.nestedUnkeyedContainer(forKey: .list)
      var b = a.nestedContainer(keyedBy: CodingKeys.self, forKey: .b)
      _ = container.nestedUnkeyedContainer(forKey: .empty)
      try container.encode(true, forKey: .last)
      for number in numbers {
        try list.encode(number)
        var inner = list.nestedUnkeyedContainer()
        try inner.encode("\(number)")
      }
      #expect(list.count == 2 * numbers.count)
      try b.encode("b", forKey: .b)
      try a.encode("a", forKey: .a)
    }
    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      #expect(container.allKeys.count == 4)
      #expect(try container.decode(Bool.self, forKey: .last))
      let a = try container.nestedContainer(keyedBy: CodingKeys.self, forKey: .a)
      #expect(try a.decode(String.self, forKey: .a) == "a")
      let b = try a.nestedContainer(keyedBy: CodingKeys.self, forKey: .b)
      #expect(try b.decode(String.self, forKey: .b) == "b")
      #expect(try container.nestedUnkeyedContainer(forKey: .empty).isAtEnd)
      var list = try container.nestedUnkeyedContainer(forKey: .list)
      numbers = []
      while !list.isAtEnd {
        numbers.append(try list.decode(Int.self))
        #expect(list.codingPath.last?.stringValue == "list")
        var inner = try list.nestedUnkeyedContainer()
        #expect(try inner.decode(String.self) == "\(numbers.last!)")
      }
    }
  }

  @Test func containersMayBeWrittenByTurns() throws {
    try roundTrip(Interleaved())
    try roundTrip([Interleaved(), Interleaved()])
    try roundTrip(["x": Interleaved(), "a": Interleaved()])
  }

  @Test func classesEncodeWhatTheyInherit() throws {
    let dog = Dog()
    (dog.name, dog.age) = ("Rex", 4)
    var buffer = ByteWriter()
    try CompactCodec<SendableDog>().encode(SendableDog(dog: dog), into: &buffer)
    let again = try CompactCodec<SendableDog>().decode(buffer.bytes).dog
    #expect(again.name == "Rex" && again.age == 4)
  }
  struct SendableDog: Codable, @unchecked Sendable { var dog: Dog }

  @Test func aRefusedFieldLeavesNothingBehind() throws {
    struct Refused: Encodable {
      func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        try container.encode(1)
        throw CocoaError(.coderInvalidValue)
      }
    }
    struct Tolerant: Codable, Sendable {
      init() {}
      init(from decoder: any Decoder) throws {}
      func encode(to encoder: any Encoder) throws {
        enum Keys: CodingKey { case a, b }
        var container = encoder.container(keyedBy: Keys.self)
        try? container.encode(Refused(), forKey: .a)
        var list = container.nestedUnkeyedContainer(forKey: .b)
        try? list.encode(Refused())
        try list.encode(2)
      }
    }
    #expect(try bytes(Tolerant()) == [1, 0xBF, 0x61, 0x62, 0x9F, 2, 0xFF, 0xFF])
    struct Failing: Codable, Sendable {
      var text = "a"
      func encode(to encoder: any Encoder) throws { throw CocoaError(.coderInvalidValue) }
    }
    var buffer = ByteWriter()
    buffer.append(7)
    let error = #expect(throws: StoreError.self) { try CompactCodec<Failing>().encode(Failing(), into: &buffer) }
    #expect(error?.kind == .invalidArgument && buffer.count == 1)
  }

  @Test func aDepthBeyondTheLimitIsRefusedWhenItIsWritten() throws {
    indirect enum Deep: Codable, Sendable, Equatable {
      case end, more(Deep)
      init(_ depth: Int) { self = depth == 0 ? .end : .more(Deep(depth - 1)) }
    }
    // Each `more` is two containers, `end` as well.
    let limit = CompactCodec<Int>.greatestDepth / 2
    try roundTrip(Deep(limit - 1))
    let error = storeError(.invalidArgument) { _ = try bytes(Deep(limit)) }
    #expect(error?.message == "a value is nested too deeply")
    let nested = [UInt8](repeating: 0x9F, count: 129) + [UInt8](repeating: 0xFF, count: 129)
    _ = storeError(.corrupted) { _ = try CompactCodec<[[Int]]>().decoded([1] + nested) }
  }

  // MARK: Changed declarations

  struct First: Codable, Sendable, Equatable { var id: Int, name: String, weight: Int }

  @Test func fieldsAreFoundByName() throws {
    let first = try bytes(First(id: 7, name: "tea", weight: 3))
    struct Reordered: Codable, Sendable, Equatable { var weight: Int, id: Int, name: String }
    #expect(try CompactCodec<Reordered>().decoded(first) == Reordered(weight: 3, id: 7, name: "tea"))
    struct Less: Codable, Sendable, Equatable { var name: String }
    #expect(try CompactCodec<Less>().decoded(first) == Less(name: "tea"))
    struct More: Codable, Sendable, Equatable { var id: Int, note: String?, name: String, weight: Int }
    #expect(try CompactCodec<More>().decoded(first) == More(id: 7, note: nil, name: "tea", weight: 3))
    struct Wider: Codable, Sendable, Equatable { var id: Int16, name: String?, weight: Double }
    #expect(try CompactCodec<Wider>().decoded(first) == Wider(id: 7, name: "tea", weight: 3))
  }

  @Test func anotherDeclarationIsASchemaMismatch() throws {
    let first = try bytes(First(id: 700, name: "tea", weight: 3))
    struct Required: Codable, Sendable { var id: Int, note: String }
    mismatch(Required.self, first, "note")
    struct Renamed: Codable, Sendable { var identifier: Int }
    mismatch(Renamed.self, first, "identifier")
    struct Text: Codable, Sendable { var id: String }
    mismatch(Text.self, first, "id")
    struct Narrow: Codable, Sendable { var id: UInt8 }
    mismatch(Narrow.self, first, "id")
    struct Inner: Codable, Sendable { var name: [Int] }
    mismatch(Inner.self, first, "name")
    mismatch([Int].self, first, "the value itself")
    mismatch([String: Int].self, first, "name")
    struct Enumeration: Codable, Sendable { var name: Tier }
    mismatch(Enumeration.self, first, "name")
    let list = try bytes([["a": [Optional(1), nil]]])
    mismatch([[String: [Int]]].self, list, "[0].a[1]")
    mismatch(UUID.self, try bytes(Data([1])), "the value itself")
    mismatch(Float.self, try bytes(0.1), "the value itself")
    mismatch(Int64.self, try bytes(UInt64.max), "the value itself")
    struct Picky: Codable, Sendable {
      init(from decoder: any Decoder) throws { throw CocoaError(.coderInvalidValue) }
      func encode(to encoder: any Encoder) throws {}
    }
    let error = storeError(.schemaMismatch) { _ = try CompactCodec<Picky>().decoded(first) }
    #expect(error?.cause?.contains("Cocoa") == true || error?.cause != nil)
  }

  // MARK: Damage

  @Test func damagedBytesNeverTrapAndAreNoOtherKindOfError() throws {
    var generator = SeededGenerator(seed: testSeed())
    let codec = CompactCodec<Everything>()
    let whole = try codec.encoded(Everything())
    var corrupted = 0
    func decode(_ bytes: [UInt8]) throws {
      do {
        let value = try codec.decoded(bytes)
        #expect(try codec.decoded(codec.encoded(value)).text == value.text)
      } catch let error as StoreError {
        #expect([.corrupted, .schemaMismatch, .unsupported].contains(error.kind), "\(error)")
        if error.kind == .corrupted { corrupted += 1 }
      }
    }
    for count in 0..<whole.count {
      let error = #expect(throws: StoreError.self) { try codec.decoded(Array(whole[..<count])) }
      #expect(error?.kind == .corrupted)
    }
    for extra: UInt8 in [0, 0xFF] {
      let error = #expect(throws: StoreError.self) { try codec.decoded(whole + [extra]) }
      #expect(error?.kind == .corrupted)
    }
    for _ in 0..<4000 {
      var damaged = whole
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        damaged[Int.random(in: damaged.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      try decode(damaged)
    }
    let heads: [UInt8] = [0xBF, 0x9F, 0xFF, 0x61, 0x78, 0x7B, 0x5B, 0x3B, 0xFB, 0xF6, 0x41, 0, 1]
    for _ in 0..<4000 {
      let count = Int.random(in: 0...24, using: &generator)
      try decode([1] + (0..<count).map { _ in heads.randomElement(using: &generator)! })
    }
    #expect(corrupted > 1000)
  }

  @Test(arguments: [
    ([0x18, 23], "an argument that is longer than it has to be"), ([0x19, 0, 255], "the same in two bytes"),
    ([0x7B, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x61], "more text than there is"),
    ([0x5B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], "more bytes than any machine has"),
    ([0xBF, 0x01, 0x01, 0xFF], "a field without a name"), ([0xBF, 0x61, 0x61, 0xFF], "a name without a value"),
    ([0xFF], "an end of nothing"), ([0x9F, 1], "an array without end"), ([0xC0, 1], "a tag"), ([0xF7], "undefined"),
    ([0x80], "an array of known length"), ([], "no item"), ([0xF9, 0, 0], "a number of 16 bits"),
    ([0x61, 0xC3], "text that is not UTF-8"),
  ])
  func bytesThatNothingEncodesAreCorrupted(_ bytes: [Int], _ what: String) throws {
    let error = #expect(throws: StoreError.self, "\(what)") {
      _ = try CompactCodec<String>().decoded([1] + bytes.map { UInt8($0) })
    }
    #expect(error?.kind == .corrupted, "\(what)")
    _ = storeError(.unsupported) { _ = try CompactCodec<Int>().decoded([2, 0]) }
    _ = storeError(.corrupted) { _ = try CompactCodec<Int>().decoded([]) }
  }
}
