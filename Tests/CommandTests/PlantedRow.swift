import RocksDB

/// Puts a row into the table of groups behind the store's back.
func plantRow(in state: String) throws {
  let path = state + "/store/db"
  let options = DatabaseOptions()
  let database = try Database.open(
    path, options: options, columnFamilies: try Database.columnFamilyNames(at: path))
  // The tables have ids in the order in which they were declared; `groups` is the first.
  guard let family = database.columnFamily("table-1") else { throw RocksDBError(.notFound, message: "table-1") }
  var batch = WriteBatch()
  let key: [UInt8] = [1, 0x7A, 0, 1, 0]
  batch.put(unsafe key.span.bytes, unsafe key.span.bytes, in: family)
  try database.write(batch, log: .off)
  try database.flush(wait: true)
}
