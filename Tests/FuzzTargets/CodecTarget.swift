internal import Changelog
internal import Foundation
internal import RowInput
internal import Tidemark

extension FuzzTarget {
  /// A byte for the codec, a byte for the length of the first of two pieces, and the pieces.
  ///
  /// Each piece is refused as corrupted or as another declaration's, or is a value that encodes to the same bytes (JSON
  /// and compact values: to bytes that do); two values of a key codec sort as their bytes do, alone and as parts of a
  /// longer key, and no part is a prefix of another.
  static let codecs = FuzzTarget("codecs", greatestBytes: 1024, seeds: codecSeeds) { input in
    guard input.byteCount >= 2 else { return }
    let pieces = input.extracting(2...)
    let count = min(Int(input.byte(at: 1)), pieces.byteCount)
    let checks = codecChecks
    try checks[Int(input.byte(at: 0)) % checks.count].check(
      pieces.extracting(..<count), pieces.extracting(count...))
  }
}

/// The check of two pieces of bytes under one codec, and the bytes of some values.
private struct CodecCheck: Sendable {
  var samples: [[UInt8]]
  var check: @Sendable (RawSpan, RawSpan) throws -> Void
}

private let addresses: TripleCodec<StringCodec, IntegerCodec<Int32>, ListCodec<BytesCodec>> = .tuple(
  .string, .int32, .list(.bytes))
private let weights: PairCodec<DoubleCodec, BytesCodec> = .tuple(.double, .bytes)

private let codecChecks: [CodecCheck] = [
  keys(.int64, [0, -1, .min, .max], by: <),
  keys(.int32, [0, -1, .min], by: <),
  keys(IntegerCodec<Int16>(), [0, -1], by: <),
  keys(.uint64, [0, .max], by: <),
  keys(.uint32, [0, .max], by: <),
  keys(.uint8, [0, 7], by: <),
  keys(.double, [0, -0.0, 1.5, -.infinity, .nan], by: isBelow),
  // Hexadecimal digits sort as the bytes they stand for.
  keys(.uuid, [SampleBatches.identity.id], by: { $0.uuidString < $1.uuidString }),
  keys(.string, ["", "tea\0", "é😀\u{FFFF}"], by: isBelow),
  keys(.bytes, [[], [0, 1, 255]], by: isBelow),
  keys(.list(.string), [[], ["", "a\0b", "😀"]]) { isBelow($0, $1, by: isBelow) },
  keys(.list(.list(.uint8)), [[[]], [[1], [], [2, 3]]]) { isBelow($0, $1, by: isBelow) },
  keys(addresses, [("a\0", 7, [[], [0]])]) { a, b in
    if isBelow(a.0, b.0) || isBelow(b.0, a.0) { return isBelow(a.0, b.0) }
    return a.1 != b.1 ? a.1 < b.1 : isBelow(a.2, b.2, by: isBelow)
  },
  keys(weights, [(1.5, [0])]) { a, b in
    a.0.bitPattern != b.0.bitPattern ? isBelow(a.0, b.0) : isBelow(a.1, b.1)
  },
  json, decimals, tables,
  keys(.int, [0, -1, .max], by: <),
  keys(.bool, [false, true]) { !$0 && $1 },
  keys(.date, [Date(timeIntervalSinceReferenceDate: 0), .distantPast], by: <),
  keys(.void, [()]) { _, _ in false },
  keys(.optional(.string), [nil, "", "a\0"]) { a, b in
    guard let b else { return false }
    return a.map { isBelow($0, b) } ?? true
  },
  keys(.raw(Direction.self), [.west, .north]) { $0.rawValue < $1.rawValue },
  keys(.mapped(.double, encode: \.seconds, decode: Seconds.init(seconds:)), [Seconds(seconds: 1.5)]) {
    isBelow($0.seconds, $1.seconds)
  },
  compact,
]

private enum Direction: UInt8 { case north = 3, west = 0x61 }
private struct Seconds { var seconds: Double }

// MARK: Orders that owe nothing to the codecs

private func isBelow(_ a: Double, _ b: Double) -> Bool { !b.isTotallyOrdered(belowOrEqualTo: a) }

private func isBelow(_ a: String, _ b: String) -> Bool { a.unicodeScalars.lexicographicallyPrecedes(b.unicodeScalars) }

private func isBelow(_ a: [UInt8], _ b: [UInt8]) -> Bool { a.lexicographicallyPrecedes(b) }

private func isBelow<T>(_ a: [T], _ b: [T], by isBelow: (T, T) -> Bool) -> Bool {
  a.lexicographicallyPrecedes(b, by: isBelow)
}

// MARK: Keys

private func keys<C: KeyCodec>(
  _ codec: C, _ samples: [C.Value], by isBelow: @escaping @Sendable (C.Value, C.Value) -> Bool
) -> CodecCheck {
  CodecCheck(samples: samples.map { (try? bytes(of: $0, codec)) ?? [] }) { first, second in
    let values = [try value(first, codec), try value(second, codec)]
    try checkPart(first, codec)
    guard let a = values[0], let b = values[1] else { return }
    let order = first.compare(second)
    try expect(isBelow(a, b) == (order < 0) && isBelow(b, a) == (order > 0), "\(codec.name): \(a), \(b) sort otherwise")
    let parts = [try part(of: a, codec), try part(of: b, codec)]
    try expect(
      parts[0].lexicographicallyPrecedes(parts[1]) == (order < 0)
        && parts[1].lexicographicallyPrecedes(parts[0]) == (order > 0),
      "\(codec.name): \(a), \(b) sort otherwise as parts")
    try expect(order == 0 || !parts[1].starts(with: parts[0]), "\(codec.name): the part of \(a) starts that of \(b)")
  }
}

private func bytes<C: Codec>(of value: C.Value, _ codec: C) throws -> [UInt8] {
  var buffer = ByteWriter()
  try codec.encode(value, into: &buffer)
  return buffer.bytes.array
}

private func part<C: KeyCodec>(of value: C.Value, _ codec: C) throws -> [UInt8] {
  var buffer = ByteWriter()
  try codec.encodeComponent(value, into: &buffer)
  return buffer.bytes.array
}

/// The value of bytes, or `nil` if they are corrupted.
private func value<C: KeyCodec>(_ bytes: RawSpan, _ codec: C) throws -> C.Value? {
  guard let value = try unlessCorrupted({ try codec.decode(bytes) }) else { return nil }
  try expect(try FuzzTargets.bytes(of: value, codec) == bytes.array, "\(codec.name): \(value) has two encodings")
  return value
}

/// Takes a part off the start of the bytes, whatever follows it.
private func checkPart<C: KeyCodec>(_ bytes: RawSpan, _ codec: C) throws {
  var reader = ByteReader(bytes)
  guard let value = try unlessCorrupted({ try codec.decodeComponent(&reader) }) else { return }
  try expect(
    try part(of: value, codec) == bytes.extracting(..<reader.position).array, "\(codec.name): \(value) is two parts")
}

private func unlessCorrupted<R>(_ body: () throws -> R) throws -> R? {
  do {
    return try body()
  } catch let error as StoreError {
    try expect(
      error.kind == .corrupted || error.kind == .schemaMismatch,
      "bytes are the cause of another kind of error: \(error)")
    return nil
  }
}

// MARK: Values

/// Something of each kind that JSON has.
private struct JSONSample: Codable, Equatable, Sendable {
  var text: String
  var count: Int?
  var price: Double?
  var small: UInt8?
  var tags: [String]?
  var parts: [String: Int]?
  var flags: [[Bool]]?
  var bytes: Data?
}

private let json = CodecCheck(samples: [
  Array(
    #"{"text":"a\u00e9\ud83d\ude00\n","count":-5,"price":1.5e3,"small":255,"tags":["x",""],"parts":{"a":1},"flags":[[true]]}"#
      .utf8),
  Array(#"{"text":"","count":null,"bytes":"AAEC"}"#.utf8),
]) { first, _ in
  let codec = JSONCodec<JSONSample>()
  guard let value = try unlessCorrupted({ try codec.decode(first) }) else { return }
  let text = try bytes(of: value, codec)
  let again = try codec.decode(text.rawSpan)
  try expect(again == value, "JSON of \(value) is \(again)")
  try expect(try bytes(of: again, codec) == text, "JSON of \(value) is another the second time")
}

/// Something of each kind that a compact value has.
private struct CompactSample: Codable, Sendable {
  enum Shape: Codable, Sendable { case none, circle(Double), path([Float?]) }
  indirect enum Tree: Codable, Sendable { case leaf, branch(Tree, Tree?) }
  var text: String
  var shapes: [Shape]?
  var tree: Tree?
  var parts: [String: Int8]?
  var wide: UInt64?
  var flags: [[Bool]]?
  var bytes: Data?
  var id: UUID?
  var time: Date?
}

private let compact: CodecCheck = {
  let codec = CompactCodec<CompactSample>()
  let samples = [
    CompactSample(text: ""),
    CompactSample(
      text: "aé😀", shapes: [.none, .circle(1.5), .path([nil, 2])], tree: .branch(.leaf, .branch(.leaf, nil)),
      parts: ["b": -5, "a": 100], wide: .max, flags: [[true, false]], bytes: Data([0, 255])),
    CompactSample(text: "t", id: SampleBatches.identity.id, time: Date(timeIntervalSinceReferenceDate: 0.5)),
  ]
  return CodecCheck(samples: samples.map { (try? bytes(of: $0, codec)) ?? [] }) { first, _ in
    do {
      // Compares bytes, since a number may be NaN.
      let once = try bytes(of: try codec.decode(first), codec)
      try expect(try bytes(of: try codec.decode(once.rawSpan), codec) == once, "\(once) encode to others")
    } catch let error as StoreError {
      try expect([.corrupted, .schemaMismatch, .unsupported].contains(error.kind), "\(error)")
    }
  }
}()

private let decimals = CodecCheck(samples: [
  [0, 0], [2, 0xFB, 1], Array("-12.50e3".utf8), Array(" .5 ".utf8),
  Array("99999999999999999999999999999999999999".utf8),
]) { first, second in
  var end = 0
  if let decimal = ExactDecimal(decoding: first, at: &end) {
    var bytes: [UInt8] = []
    decimal.encode(into: &bytes)
    try expect(bytes == first.extracting(..<end).array, "\(decimal) has two encodings")
    let text = decimal.description
    try expect(try ExactDecimal.parse(Array(text.utf8).rawSpan) == decimal, "\(text) is another number as text")
  }
  guard let a = try? ExactDecimal.parse(first), let b = try? ExactDecimal.parse(second) else { return }
  for decimal in [a, b] {
    var bytes: [UInt8] = []
    decimal.encode(into: &bytes)
    var end = 0
    let again = ExactDecimal(decoding: bytes.rawSpan, at: &end)
    try expect(again == decimal && end == bytes.count, "\(decimal) is \(again as Any) after encoding")
  }
}

private let tables = CodecCheck(samples: [
  [1, 5], [1, 3] + Array("abc".utf8) + [6] + Array("string".utf8) + [5] + Array("int64".utf8),
]) { key, value in
  do throws(StoreError) {
    let table = try TableRecord(key: key, value: value)
    do throws(StoreError) { try TopicPartition(table.name, 0).validate() } catch {
      throw StoreError(.invalidArgument, "a table has a name that leads elsewhere")
    }
  } catch {
    try expect([.corrupted, .unsupported].contains(error.kind), "\(error)")
  }
}

private func codecSeeds() throws -> [[UInt8]] {
  codecChecks.enumerated().flatMap { number, check in
    check.samples.map { sample in
      [UInt8(number), UInt8(min(sample.count, 255))] + sample + (check.samples.last ?? [])
    }
  }
}
