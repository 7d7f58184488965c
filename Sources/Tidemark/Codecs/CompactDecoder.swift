internal import Changelog

/// What a type decodes itself from: an item of a reader.
struct CompactDecoder: Decoder {
  let reader: CompactReader
  let node: Int

  var codingPath: [any CodingKey] { reader.path(of: node) }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
    guard reader.first(of: node) == CompactFormat.map else { throw reader.mismatch([String: Any].self, node) }
    return KeyedDecodingContainer(CompactKeyedDecoding(reader: reader, node: node))
  }

  func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    try CompactUnkeyedDecoding(reader, node)
  }

  func singleValueContainer() -> any SingleValueDecodingContainer { CompactSingleDecoding(reader: reader, node: node) }
}

/// Named fields.
struct CompactKeyedDecoding<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let reader: CompactReader
  let node: Int

  var codingPath: [any CodingKey] { reader.path(of: node) }
  var allKeys: [Key] { reader.children(of: node).compactMap { Key(stringValue: reader.name(of: $0)) } }

  func contains(_ key: Key) -> Bool { reader.field(key.stringValue, of: node) != nil }

  @inline(__always)
  private func field(_ key: Key) throws -> Int {
    guard let field = reader.field(key.stringValue, of: node) else {
      throw DecodingError.keyNotFound(key, .init(codingPath: codingPath, debugDescription: "the field isn't stored"))
    }
    return field
  }

  func decodeNil(forKey key: Key) throws -> Bool { reader.isNull(try field(key)) }
  func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try reader.bool(try field(key)) }
  func decode(_ type: String.Type, forKey key: Key) throws -> String { try reader.text(try field(key)) }
  func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try reader.number(type, try field(key)) }
  func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try reader.number(type, try field(key)) }
  func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try reader.integer(type, try field(key)) }
  func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try reader.integer(type, try field(key)) }
  func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try reader.integer(type, try field(key)) }
  func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try reader.integer(type, try field(key)) }
  func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try reader.integer(type, try field(key)) }
  func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try reader.integer(type, try field(key)) }
  func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try reader.integer(type, try field(key)) }
  func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try reader.integer(type, try field(key)) }
  func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try reader.integer(type, try field(key)) }
  func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try reader.integer(type, try field(key)) }
  func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T { try reader.decode(type, at: try field(key)) }

  private func decoder(_ key: Key) throws -> CompactDecoder { CompactDecoder(reader: reader, node: try field(key)) }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<Nested> { try decoder(key).container(keyedBy: type) }

  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try decoder(key).unkeyedContainer()
  }

  func superDecoder() throws -> any Decoder {
    let key = CompactKey.superclass
    guard let field = reader.field(key.stringValue, of: node) else {
      throw DecodingError.keyNotFound(key, .init(codingPath: codingPath, debugDescription: "the field isn't stored"))
    }
    return CompactDecoder(reader: reader, node: field)
  }

  func superDecoder(forKey key: Key) throws -> any Decoder { try decoder(key) }
}

/// The elements of an array.
struct CompactUnkeyedDecoding: UnkeyedDecodingContainer {
  let reader: CompactReader
  let node: Int
  let count: Int?
  private(set) var currentIndex = 0
  private var next: Int

  init(_ reader: CompactReader, _ node: Int) throws {
    guard reader.first(of: node) == CompactFormat.array else { throw reader.mismatch([Any].self, node) }
    self.reader = reader
    self.node = node
    count = reader.children(of: node).count
    next = node + 1
  }

  var codingPath: [any CodingKey] { reader.path(of: node) }
  var isAtEnd: Bool { next >= Int(reader.nodes[node].next) }

  /// The element that comes next; it stays so if it is refused.
  private func element(_ type: Any.Type) throws -> Int {
    guard !isAtEnd else {
      throw DecodingError.valueNotFound(
        type, .init(codingPath: codingPath + [CompactKey(intValue: currentIndex)], debugDescription: "the array ends"))
    }
    return next
  }

  private mutating func advance() {
    next = Int(reader.nodes[next].next)
    currentIndex += 1
  }

  mutating func decodeNil() throws -> Bool {
    guard reader.isNull(try element(Never?.self)) else { return false }
    advance()
    return true
  }

  mutating func decode(_ type: Bool.Type) throws -> Bool {
    let value = try reader.bool(try element(type))
    advance()
    return value
  }
  mutating func decode(_ type: String.Type) throws -> String {
    let value = try reader.text(try element(type))
    advance()
    return value
  }
  mutating func decode(_ type: Double.Type) throws -> Double {
    let value = try reader.number(type, try element(type))
    advance()
    return value
  }
  mutating func decode(_ type: Float.Type) throws -> Float {
    let value = try reader.number(type, try element(type))
    advance()
    return value
  }
  mutating func decode(_ type: Int.Type) throws -> Int {
    let value = try reader.integer(type, try element(type))
    advance()
    return value
  }
  mutating func decode(_ type: Int8.Type) throws -> Int8 {
    let value = try reader.integer(type, try element(type))
    advance()
    return value
  }
  mutating func decode(_ type: Int16.Type) throws -> Int16 {
    let value = try reader.integer(type, try element(type))
    advance()
    return value
  }
  mutating func decode(_ type: Int32.Type) throws -> Int32 {
    let value = try reader.integer(type, try element(type))
    advance()
    return value
  }
  mutating func decode(_ type: Int64.Type) throws -> Int64 {
    let value = try reader.integer(type, try element(type))
    advance()
    return value
  }
  mutating func decode(_ type: UInt.Type) throws -> UInt {
    let value = try reader.integer(type, try element(type))
    advance()
    return value
  }
  mutating func decode(_ type: UInt8.Type) throws -> UInt8 {
    let value = try reader.integer(type, try element(type))
    advance()
    return value
  }
  mutating func decode(_ type: UInt16.Type) throws -> UInt16 {
    let value = try reader.integer(type, try element(type))
    advance()
    return value
  }
  mutating func decode(_ type: UInt32.Type) throws -> UInt32 {
    let value = try reader.integer(type, try element(type))
    advance()
    return value
  }
  mutating func decode(_ type: UInt64.Type) throws -> UInt64 {
    let value = try reader.integer(type, try element(type))
    advance()
    return value
  }
  mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
    let value = try reader.decode(type, at: try element(type))
    advance()
    return value
  }

  private mutating func decoder(_ type: Any.Type) throws -> CompactDecoder {
    let decoder = CompactDecoder(reader: reader, node: try element(type))
    advance()
    return decoder
  }

  mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) throws -> KeyedDecodingContainer<Nested> {
    try decoder([String: Any].self).container(keyedBy: type)
  }

  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
    try decoder([Any].self).unkeyedContainer()
  }

  mutating func superDecoder() throws -> any Decoder { try decoder(Any.self) }
}

/// The only item of a value.
struct CompactSingleDecoding: SingleValueDecodingContainer {
  let reader: CompactReader
  let node: Int

  var codingPath: [any CodingKey] { reader.path(of: node) }

  func decodeNil() -> Bool { reader.isNull(node) }
  func decode(_ type: Bool.Type) throws -> Bool { try reader.bool(node) }
  func decode(_ type: String.Type) throws -> String { try reader.text(node) }
  func decode(_ type: Double.Type) throws -> Double { try reader.number(type, node) }
  func decode(_ type: Float.Type) throws -> Float { try reader.number(type, node) }
  func decode(_ type: Int.Type) throws -> Int { try reader.integer(type, node) }
  func decode(_ type: Int8.Type) throws -> Int8 { try reader.integer(type, node) }
  func decode(_ type: Int16.Type) throws -> Int16 { try reader.integer(type, node) }
  func decode(_ type: Int32.Type) throws -> Int32 { try reader.integer(type, node) }
  func decode(_ type: Int64.Type) throws -> Int64 { try reader.integer(type, node) }
  func decode(_ type: UInt.Type) throws -> UInt { try reader.integer(type, node) }
  func decode(_ type: UInt8.Type) throws -> UInt8 { try reader.integer(type, node) }
  func decode(_ type: UInt16.Type) throws -> UInt16 { try reader.integer(type, node) }
  func decode(_ type: UInt32.Type) throws -> UInt32 { try reader.integer(type, node) }
  func decode(_ type: UInt64.Type) throws -> UInt64 { try reader.integer(type, node) }
  func decode<T: Decodable>(_ type: T.Type) throws -> T { try reader.decode(type, at: node) }
}
