internal import Changelog

/// What a record of the table id 0 changes: the store's own records, which every replay must understand.
enum SystemChange {
  /// A table is defined, or defined anew.
  case define(TableRecord)
  /// A table is dropped, with all its rows; its id is never used again.
  case drop(TableID)

  /// Decodes a record; throws `unsupported` for one of another kind or version.
  init(key: RawSpan, value: RawSpan?) throws(StoreError) {
    let id = try TableRecord.id(ofKey: key)
    self = if let value { .define(try TableRecord(id: id, value: value)) } else { .drop(id) }
  }
}
