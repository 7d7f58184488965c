internal import Changelog
internal import RocksDB

/// Rows of `offsets` that are installed together.
struct OffsetsRows {
  /// By key; without a value a row is deleted.
  private var rows: [[UInt8]: [UInt8]?] = [:]

  /// Sets the row of a key.
  mutating func set(_ key: [UInt8], _ encode: (inout ByteBuffer) -> Void) {
    var value = ByteBuffer()
    encode(&value)
    rows[key] = .some(value.bytes.array)
  }

  /// Says that the changelog is the store's own tail log.
  mutating func setTail() { set(OffsetsFamily.tailKey) { $0.append(1) } }

  /// Deletes the row of a key.
  mutating func delete(_ key: [UInt8]) { rows[key] = .some(nil) }

  /// Sets the rows that every change comes with; `offsetKey` names the changelog's partition.
  mutating func set(_ state: CommittedState, offsetKey: [UInt8]) {
    set(offsetKey) { $0.append(bigEndian: state.offset.value) }
    set(OffsetsFamily.commitKey) { OffsetsFamily.encode(state, into: &$0) }
  }

  /// Writes them to a table file, to be taken in.
  func write(to path: String, for database: SharedDatabase) throws(RocksDBError) {
    var file = try database.handle.makeTableFile(at: path, for: database.offsets)
    for (key, value) in rows.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      if let value { try file.put(key.rawSpan, value.rawSpan) } else { try file.delete(key.rawSpan) }
    }
    try file.finish()
  }

  /// Brings them alone into the database, atomically and durably, by way of a file in `directory`.
  func install(in database: SharedDatabase, by directory: StoreDirectory) throws(StoreError) {
    try directory.emptyIngestion()
    let path = "\(directory.ingestion)/offsets.sst"
    try mappingErrors(to: "the store's own rows can't be written", ["directory": directory.path]) {
      () throws(RocksDBError) in
      try write(to: path, for: database)
      var ingestion = try database.handle.makeIngestion()
      try ingestion.add(path, to: database.offsets)
      try ingestion.finish()
    }
  }
}
