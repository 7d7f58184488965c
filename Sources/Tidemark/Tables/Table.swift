internal import Changelog

/// A named, typed key space of a store.
///
/// A value; needs no store.
///
/// ```swift
/// let balances = Table("balances", key: .string, value: .int64)
/// ```
public struct Table<Key: KeyCodec, Value: Codec>: TableDefinition {
  /// 1 to 100 characters of `a-z A-Z 0-9 . _ -`.
  public let name: String
  /// How keys are encoded.
  public let key: Key
  /// How values are encoded.
  public let value: Value

  /// Names a table.
  public init(_ name: String, key: Key, value: Value) {
    self.name = name
    self.key = key
    self.value = value
  }

  /// The name of the keys' codec.
  public var keyFormat: String { key.name }
  /// The name of the values' codec.
  public var valueFormat: String { value.name }
  /// The types of the codecs.
  public var codecTypes: CodecTypes { CodecTypes(key: Key.self, value: Value.self) }
}

/// Which codecs a table was declared with.
public struct CodecTypes: Hashable, Sendable {
  @usableFromInline let key: ObjectIdentifier
  @usableFromInline let value: ObjectIdentifier

  /// The types of both codecs.
  @inlinable
  public init<K: KeyCodec, V: Codec>(key: K.Type, value: V.Type) {
    self.key = ObjectIdentifier(key)
    self.value = ObjectIdentifier(value)
  }
}

/// What a store needs to know of a table to open it.
public protocol TableDefinition: Sendable {
  /// The table's name.
  var name: String { get }
  /// The name of the keys' codec.
  var keyFormat: String { get }
  /// The name of the values' codec.
  var valueFormat: String { get }
  /// The types of the codecs, which a program that uses the table must have, too.
  var codecTypes: CodecTypes { get }
}
