import RocksDB

/// Puts a row into the table of groups without the store's knowledge.
func plantRow(in state: String) throws {
  let path = state + "/store/db"
  let database = try Database.open(
    path, options: DatabaseOptions(), columnFamilies: try Database.columnFamilyNames(at: path))
  // Tables get their ids in the order of their declaration; `groups` is the first.
  guard let family = database.columnFamily("table-1") else { throw RocksDBError(.notFound, message: "table-1") }
  var file = try database.makeTableFile(at: state + "/planted.sst", for: family)
  let key: [UInt8] = [1, 0x7A, 0, 1, 0]
  try file.put(unsafe key.span.bytes, unsafe key.span.bytes)
  try file.finish()
  var ingestion = try database.makeIngestion()
  try ingestion.add(state + "/planted.sst", to: family)
  try ingestion.finish()
}
