internal import Changelog

/// What a record of the table id 0 changes: the store's own records, which every replay must understand.
enum SystemChange {
  /// A table is defined, or defined anew.
  case define(TableRecord)
  /// A table is dropped, with all its rows; its id is never used again.
  case drop(TableRecord)
  /// From here on the formats are of this version, or a later one.
  case format(FormatVersion)

  /// Decodes a record; throws `unsupported` for one of another kind or version.
  init(key: RawSpan, value: RawSpan?) throws(StoreError) {
    guard let value else {
      throw StoreError(
        .unsupported,
        "the changelog deletes a system record, which means nothing to this version; open it with a newer Tidemark")
    }
    if FormatVersion.isKey(key) {
      self = .format(try FormatVersion(value: value))
    } else {
      self.init(try TableRecord(id: try TableRecord.id(ofKey: key), stored: value))
    }
  }

  /// What the record of a table says.
  init(_ record: TableRecord) { self = record.isDropped ? .drop(record) : .define(record) }

  /// The version of the formats that it needs.
  var formatVersion: FormatVersion {
    switch self {
    case .define(let record), .drop(let record): record.formatVersion
    case .format(let version): version
    }
  }

  /// Whether it may come while there is a transaction: tables are defined before there is one.
  var isBesideTransaction: Bool { if case .define = self { false } else { true } }

  /// Appends the key and the value of the record.
  func encode(key: inout ByteWriter, value: inout ByteWriter) {
    switch self {
    case .define(let record), .drop(let record):
      record.encodeKey(into: &key)
      record.encodeValue(into: &value)
    case .format(let version):
      FormatVersion.encodeKey(into: &key)
      version.encodeValue(into: &value)
    }
  }
}
