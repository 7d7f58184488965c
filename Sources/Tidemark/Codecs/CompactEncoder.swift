internal import Changelog

/// What a type encodes itself to: a place in a writer.
struct CompactEncoder: Encoder {
  let place: CompactWriter.Place

  var codingPath: [any CodingKey] { place.writer.codingPath }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    // Keys without room for text are an enumeration's, which come in the order of the code that encodes them.
    let isUnordered = MemoryLayout<Key>.size >= MemoryLayout<Int>.size
    return KeyedEncodingContainer(
      CompactKeyedEncoding(place: place.writer.open(place, CompactFormat.map, isUnordered: isUnordered)))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    CompactUnkeyedEncoding(place: place.writer.open(place, CompactFormat.array))
  }

  func singleValueContainer() -> any SingleValueEncodingContainer { CompactSingleEncoding(place: place) }
}

/// Named fields.
struct CompactKeyedEncoding<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let place: CompactWriter.Place

  var codingPath: [any CodingKey] { place.writer.codingPath }

  @inline(__always)
  private func writer(_ key: Key) throws(StoreError) -> CompactWriter {
    try place.writer.key(key.stringValue, in: place)
    return place.writer
  }

  func encodeNil(forKey key: Key) throws { try writer(key).null() }
  func encode(_ value: Bool, forKey key: Key) throws { try writer(key).bool(value) }
  func encode(_ value: String, forKey key: Key) throws { try writer(key).text(value) }
  func encode(_ value: Double, forKey key: Key) throws { try writer(key).double(value) }
  func encode(_ value: Float, forKey key: Key) throws { try writer(key).float(value) }
  func encode(_ value: Int, forKey key: Key) throws { try writer(key).integer(Int64(value)) }
  func encode(_ value: Int8, forKey key: Key) throws { try writer(key).integer(Int64(value)) }
  func encode(_ value: Int16, forKey key: Key) throws { try writer(key).integer(Int64(value)) }
  func encode(_ value: Int32, forKey key: Key) throws { try writer(key).integer(Int64(value)) }
  func encode(_ value: Int64, forKey key: Key) throws { try writer(key).integer(Int64(value)) }
  func encode(_ value: UInt, forKey key: Key) throws { try writer(key).integer(UInt64(value)) }
  func encode(_ value: UInt8, forKey key: Key) throws { try writer(key).integer(UInt64(value)) }
  func encode(_ value: UInt16, forKey key: Key) throws { try writer(key).integer(UInt64(value)) }
  func encode(_ value: UInt32, forKey key: Key) throws { try writer(key).integer(UInt64(value)) }
  func encode(_ value: UInt64, forKey key: Key) throws { try writer(key).integer(UInt64(value)) }

  func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
    let start = place.writer.bytes.count
    do { try writer(key).encode(value) } catch {
      place.writer.bytes.truncate(to: start)
      throw error
    }
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) -> KeyedEncodingContainer<Nested> {
    place.writer.nested(key.stringValue, in: place).container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    place.writer.nested(key.stringValue, in: place).unkeyedContainer()
  }

  func superEncoder() -> any Encoder { place.writer.nested(CompactKey.superclass.stringValue, in: place) }

  func superEncoder(forKey key: Key) -> any Encoder { place.writer.nested(key.stringValue, in: place) }
}

/// The elements of an array.
struct CompactUnkeyedEncoding: UnkeyedEncodingContainer {
  let place: CompactWriter.Place

  var codingPath: [any CodingKey] { place.writer.codingPath }
  var count: Int { place.writer.count(of: place) }

  @inline(__always)
  private func writer() throws(StoreError) -> CompactWriter {
    try place.writer.element(in: place)
    return place.writer
  }

  func encodeNil() throws { try writer().null() }
  func encode(_ value: Bool) throws { try writer().bool(value) }
  func encode(_ value: String) throws { try writer().text(value) }
  func encode(_ value: Double) throws { try writer().double(value) }
  func encode(_ value: Float) throws { try writer().float(value) }
  func encode(_ value: Int) throws { try writer().integer(Int64(value)) }
  func encode(_ value: Int8) throws { try writer().integer(Int64(value)) }
  func encode(_ value: Int16) throws { try writer().integer(Int64(value)) }
  func encode(_ value: Int32) throws { try writer().integer(Int64(value)) }
  func encode(_ value: Int64) throws { try writer().integer(Int64(value)) }
  func encode(_ value: UInt) throws { try writer().integer(UInt64(value)) }
  func encode(_ value: UInt8) throws { try writer().integer(UInt64(value)) }
  func encode(_ value: UInt16) throws { try writer().integer(UInt64(value)) }
  func encode(_ value: UInt32) throws { try writer().integer(UInt64(value)) }
  func encode(_ value: UInt64) throws { try writer().integer(UInt64(value)) }

  func encode<T: Encodable>(_ value: T) throws {
    let start = place.writer.bytes.count
    do { try writer().encode(value) } catch {
      place.writer.removeElement(from: start, in: place)
      throw error
    }
  }

  func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
    place.writer.nested(in: place).container(keyedBy: type)
  }

  func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { place.writer.nested(in: place).unkeyedContainer() }

  func superEncoder() -> any Encoder { place.writer.nested(in: place) }
}

/// The only item of a value.
struct CompactSingleEncoding: SingleValueEncodingContainer {
  let place: CompactWriter.Place

  var codingPath: [any CodingKey] { place.writer.codingPath }

  @inline(__always)
  private func writer() throws(StoreError) -> CompactWriter {
    try place.writer.item(in: place)
    return place.writer
  }

  func encodeNil() throws { try writer().null() }
  func encode(_ value: Bool) throws { try writer().bool(value) }
  func encode(_ value: String) throws { try writer().text(value) }
  func encode(_ value: Double) throws { try writer().double(value) }
  func encode(_ value: Float) throws { try writer().float(value) }
  func encode(_ value: Int) throws { try writer().integer(Int64(value)) }
  func encode(_ value: Int8) throws { try writer().integer(Int64(value)) }
  func encode(_ value: Int16) throws { try writer().integer(Int64(value)) }
  func encode(_ value: Int32) throws { try writer().integer(Int64(value)) }
  func encode(_ value: Int64) throws { try writer().integer(Int64(value)) }
  func encode(_ value: UInt) throws { try writer().integer(UInt64(value)) }
  func encode(_ value: UInt8) throws { try writer().integer(UInt64(value)) }
  func encode(_ value: UInt16) throws { try writer().integer(UInt64(value)) }
  func encode(_ value: UInt32) throws { try writer().integer(UInt64(value)) }
  func encode(_ value: UInt64) throws { try writer().integer(UInt64(value)) }
  func encode<T: Encodable>(_ value: T) throws { try writer().encode(value) }
}
