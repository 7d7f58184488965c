internal import Changelog
internal import RocksDB

extension OffsetsRows {
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
