import Foundation
import Testing
import Tidemark
import TidemarkTesting

enum Weekday: UInt8, CaseIterable { case monday = 1, tuesday, wednesday }
enum Tier: String, CaseIterable, Codable { case bronze, silver, gold }
enum Floor: Int, CaseIterable { case cellar = -1, ground, first }
struct Celsius: Equatable { var degrees: Double }
struct NoSuchTemperature: Error {}

/// Integers, truth values, dates, nothing, optionals, raw-representable values and mapped ones.
@Suite struct CodecsValueTypesTests {
  let int: IntegerCodec<Int> = .int
  let bool: BoolCodec = .bool
  let date: DateCodec = .date
  let void: VoidCodec = .void
  let optionalText: OptionalCodec<StringCodec> = .optional(.string)
  let optionalNumber: OptionalCodec<OptionalCodec<IntegerCodec<Int64>>> = .optional(.optional(.int64))
  let weekday: RawValueCodec<Weekday, IntegerCodec<UInt8>> = .raw(Weekday.self)
  let tier: RawValueCodec<Tier, StringCodec> = .raw(Tier.self)
  let temperature: MappedCodec<DoubleCodec, Celsius> = .mapped(
    .double, name: "celsius", encode: { $0.degrees },
    decode: { degrees in
      guard degrees >= -273.15 else { throw NoSuchTemperature() }
      return Celsius(degrees: degrees)
    })

  @Test func bytesAreKnown() throws {
    #expect(int.name == "int64")
    #expect(try int.encoded(-1) == Codecs.int64.encoded(-1))
    #expect(try bool.encoded(false) == [0])
    #expect(try bool.encoded(true) == [1])
    #expect(try void.encoded(()) == [])
    #expect(try void.encodedComponent(()) == [])
    #expect(try date.encoded(Date(timeIntervalSinceReferenceDate: 1)) == Codecs.double.encoded(1))
    #expect(try optionalText.encoded(nil) == [0])
    #expect(try optionalText.encoded("") == [1])
    #expect(try optionalText.encoded("ab") == [1, 0x61, 0x62])
    #expect(try optionalText.encodedComponent("a") == [1, 0x61, 0, 1])
    #expect(optionalNumber.name == "optional(optional(int64))")
    #expect(weekday.name == "uint8" && tier.name == "string")
    #expect(try weekday.encoded(.tuesday) == [2])
    #expect(try tier.encoded(.gold) == Array("gold".utf8))
    #expect(temperature.name == "celsius")
    #expect(
      MappedCodec(Codecs.int64, encode: { (text: String) in Int64(text.count) }, decode: { "\($0)" }).name == "int64")
  }

  @Test func integersAndTruthValuesSort() throws {
    var generator = SeededGenerator(seed: testSeed())
    let numbers = (0..<100).map { _ in
      Int.random(in: .min ... .max, using: &generator) >> Int.random(in: 0..<64, using: &generator)
    }
    try CodecsOrderTests().check(int, numbers + [.min, .max, 0, -1])
    try CodecsOrderTests().check(bool, [true, false], { $0 == $1 }, { !$0 && $1 })
    try CodecsOrderTests().check(void, [(), ()], { _, _ in true }, { _, _ in false })
  }

  @Test func datesSortAndComeBackExactly() throws {
    var generator = SeededGenerator(seed: testSeed())
    var dates: [Date] = [.distantPast, .distantFuture, Date(timeIntervalSince1970: 0), Date()]
    dates += [-0.0, 0.0, .infinity, -.infinity, 1.ulp, -1.ulp].map { Date(timeIntervalSinceReferenceDate: $0) }
    for _ in 0..<150 {
      let seconds = Double(bitPattern: generator.next())
      if !seconds.isNaN { dates.append(Date(timeIntervalSinceReferenceDate: seconds)) }
      dates.append(Date(timeIntervalSince1970: .random(in: -4e9...4e9, using: &generator)))
    }
    try CodecsOrderTests().check(date, dates)
    #expect(throws: StoreError.self) { try date.encoded(Date(timeIntervalSinceReferenceDate: .nan)) }
    for bytes in [try Codecs.double.encoded(-0.0), try Codecs.double.encoded(.nan), try Codecs.double.encoded(-.nan)] {
      let error = #expect(throws: StoreError.self) { try date.decoded(bytes) }
      #expect(error?.kind == .corrupted)
    }
  }

  @Test func nilSortsFirst() throws {
    var generator = SeededGenerator(seed: testSeed())
    let texts: [String?] =
      [nil, "", "\0", "a", "a\0"] + (0..<60).map { _ in ["x", "xy", "\0\u{1}", nil].randomElement(using: &generator)! }
    try CodecsOrderTests().check(optionalText, texts, { $0 == $1 }) { a, b in
      guard let b else { return false }
      return a.map { $0 < b } ?? true
    }
    let numbers: [Int64??] = [nil, .some(nil), .min, -1, 0, 1, .max]
    try CodecsOrderTests().check(optionalNumber, numbers, { $0 == $1 }) { a, b in
      guard let b else { return false }
      guard let a else { return true }
      guard let b else { return false }
      return a.map { $0 < b } ?? true
    }
  }

  @Test func rawValuesSortAsTheyAre() throws {
    try CodecsOrderTests().check(weekday, Weekday.allCases, { $0 == $1 }, { $0.rawValue < $1.rawValue })
    try CodecsOrderTests().check(tier, Tier.allCases, { $0 == $1 }, { $0.rawValue < $1.rawValue })
    let floors: RawValueCodec<Floor, IntegerCodec<Int>> = .raw(Floor.self)
    try CodecsOrderTests().check(floors, Floor.allCases, { $0 == $1 }, { $0.rawValue < $1.rawValue })
    let days: RawValueCodec<Tier, MappedCodec<IntegerCodec<UInt8>, String>> = .raw(
      Tier.self,
      as: .mapped(
        .uint8, encode: { UInt8(Tier.allCases.map(\.rawValue).firstIndex(of: $0)!) },
        decode: { Tier.allCases[Int($0)].rawValue }))
    #expect(try days.encoded(.gold) == [2])
  }

  @Test func anUnknownRawValueNamesTypeAndValue() throws {
    let error = #expect(throws: StoreError.self) { try weekday.decoded([9]) }
    #expect(error?.kind == .schemaMismatch)
    #expect(error?.metadata == [.init(name: "type", value: "Weekday"), .init(name: "raw value", value: "9")])
    let long = #expect(throws: StoreError.self) { try tier.decoded([UInt8](repeating: 0x61, count: 10_000)) }
    #expect(long?.kind == .schemaMismatch && long!.metadata[1].value.count == 100)
    #expect(throws: StoreError.self) { _ = try tier.decodedComponent([0x61, 0, 1]) }
    let damaged = #expect(throws: StoreError.self) { try tier.decoded([0xFF]) }
    #expect(damaged?.kind == .corrupted)
  }

  @Test func mappedValuesSortAsWhatTheyAreMappedTo() throws {
    var generator = SeededGenerator(seed: testSeed())
    let values = (0..<60).map { _ in Celsius(degrees: .random(in: -273...1000, using: &generator)) }
    try CodecsOrderTests().check(temperature, values, { $0 == $1 }, { $0.degrees < $1.degrees })
    let pairs: PairCodec<MappedCodec<DoubleCodec, Celsius>, BoolCodec> = .tuple(temperature, .bool)
    #expect(pairs.name == "tuple(celsius,bool)")
  }

  @Test func errorsOfAMappingAreErrorsOfTheStore() throws {
    let refused = #expect(throws: StoreError.self) { try temperature.decoded(Codecs.double.encoded(-300)) }
    #expect(refused?.kind == .schemaMismatch)
    #expect(refused?.metadata.map(\.value) == ["celsius", "Celsius"])
    #expect(refused?.cause == "NoSuchTemperature()")
    let oneWay: MappedCodec<StringCodec, Int> = .mapped(
      .string, encode: { _ in throw NoSuchTemperature() }, decode: { _ in throw StoreError(.corrupted, "mine") })
    let unsaid = #expect(throws: StoreError.self) { try oneWay.encoded(1) }
    #expect(unsaid?.kind == .invalidArgument)
    let own = #expect(throws: StoreError.self) { try oneWay.decoded([]) }
    #expect(own == StoreError(.corrupted, "mine"))
    let short = #expect(throws: StoreError.self) { try temperature.decoded([1]) }
    #expect(short?.kind == .corrupted)
  }

  @Test func damagedBytesAreCorruptedOrAnotherValue() throws {
    var generator = SeededGenerator(seed: testSeed())
    let damage = CodecsDamageTests()
    try damage.damage(int, -5, &generator)
    try damage.damage(bool, true, &generator)
    try damage.damage(void, (), &generator)
    try damage.damage(date, Date(timeIntervalSinceReferenceDate: -1.5), &generator)
    try damage.damage(optionalText, "tea\0", &generator)
    try damage.damage(optionalText, nil, &generator)
    try damage.damage(optionalNumber, .some(nil), &generator)
    try damage.damage(
      PairCodec(Codecs.string, OptionalCodec(PairCodec(bool, date))), ("a", (true, Date())), &generator)
  }
}
