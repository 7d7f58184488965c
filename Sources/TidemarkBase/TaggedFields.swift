/// The fields that a structure which may grow ends with: each is a varint tag, a varint length, and so many bytes.
///
/// Tags ascend, and each stands once; numbers are as short as they can be. So equal fields have equal bytes. A program that
/// doesn't know a tag may skip the field if the tag is even, and must refuse the structure if it is odd.
///
/// ```swift
/// var fields = try TaggedFields(rest, of: "a table's definition", ["table": id])
/// let retention = fields.take(5)
/// try fields.checkSkippable(of: "a table's definition", ["table": id])
/// ```
public struct TaggedFields: Sendable, Hashable {
  /// One field.
  public struct Field: Sendable, Hashable {
    /// Names the field within its structure.
    public let tag: UInt64
    /// What it says.
    public let bytes: [UInt8]
  }

  /// The fields, in order of their tags.
  public private(set) var fields: [Field] = []

  /// No fields.
  public init() {}

  /// Whether there is none.
  public var isEmpty: Bool { fields.isEmpty }

  /// The bytes of a field; without bytes there is no such field.
  public subscript(tag: UInt64) -> [UInt8]? {
    get { fields.first { $0.tag == tag }?.bytes }
    set {
      let place = fields.firstIndex { $0.tag >= tag } ?? fields.count
      if place < fields.count, fields[place].tag == tag { fields.remove(at: place) }
      if let newValue { fields.insert(Field(tag: tag, bytes: newValue), at: place) }
    }
  }

  /// The bytes of a field, which is not among the fields afterwards.
  public mutating func take(_ tag: UInt64) -> [UInt8]? {
    let bytes = self[tag]
    if bytes != nil { self[tag] = nil }
    return bytes
  }

  /// Appends the fields.
  public func encode(into buffer: inout ByteWriter) {
    for field in fields {
      buffer.append(varint: field.tag)
      buffer.append(varint: UInt64(field.bytes.count))
      buffer.append(field.bytes.rawSpan)
    }
  }

  /// Decodes the fields that a structure ends with.
  ///
  /// `structure` and `place` go into errors. Throws `corrupted` if a field is cut short, a number is longer than it need be, or
  /// tags don't ascend.
  public init(
    _ bytes: RawSpan, of structure: StaticString, _ place: KeyValuePairs<String, any CustomStringConvertible> = [:]
  ) throws(StoreError) {
    var reader = ByteReader(bytes)
    while reader.remaining > 0 {
      let start = reader.position
      guard let tag = reader.shortestVarint(), let length = reader.shortestVarint(),
        length <= UInt64(reader.remaining), let field = reader.take(Int(length))
      else {
        throw Self.error(
          .corrupted, "a structure's tagged fields are cut short or malformed", structure, place, ("byte", start))
      }
      if let last = fields.last, tag <= last.tag {
        throw Self.error(.corrupted, "a structure's tagged fields don't ascend", structure, place, ("tag", tag))
      }
      fields.append(Field(tag: tag, bytes: field.array))
    }
  }

  /// Throws `unsupported` if one of the fields must be known.
  ///
  /// To be asked once all fields that are known were taken.
  public func checkSkippable(
    of structure: StaticString, _ place: KeyValuePairs<String, any CustomStringConvertible> = [:]
  ) throws(StoreError) {
    guard let field = fields.first(where: { $0.tag % 2 == 1 }) else { return }
    throw Self.error(
      .unsupported, "a structure has a field that this version doesn't know; open it with a newer Tidemark", structure,
      place, ("tag", field.tag))
  }

  private static func error(
    _ kind: StoreError.Kind, _ message: String, _ structure: StaticString,
    _ place: KeyValuePairs<String, any CustomStringConvertible>,
    _ last: (name: String, value: any CustomStringConvertible)
  ) -> StoreError {
    var error = StoreError(kind, message, ["structure": structure])
    error.metadata += (Array(place) + [(key: last.name, value: last.value)]).map {
      StoreError.Entry(name: $0.key, value: $0.value.description)
    }
    return error
  }
}

extension ByteReader {
  /// The next unsigned varint; `nil` also if it has more bytes than its value needs.
  fileprivate mutating func shortestVarint() -> UInt64? {
    let start = position
    guard let value = varint(), position - start == varintLength(value) else { return nil }
    return value
  }
}
