import RocksDB

extension Database {
  /// Ingests `files` files of 100 rows each, one after the other; they are written next to the database's directory.
  func fill(_ path: String, files: Int) throws(RocksDBError) {
    guard let family = columnFamily("default") else { return }
    for _ in 0..<files {
      var ingestion = try makeIngestion()
      for file in try writeFiles(path, "default", count: 1) { try ingestion.add(file, to: family) }
      try ingestion.finish()
    }
  }

  /// Writes files of 100 rows each for a family, with no keys in common; returns their paths.
  func writeFiles(_ path: String, _ name: String, count: Int) throws(RocksDBError) -> [String] {
    guard let family = columnFamily(name) else { return [] }
    var files: [String] = []
    for number in 0..<count {
      files.append("\(path)-\(number).sst")
      var file = try makeTableFile(at: files[number], for: family)
      for row in 100..<200 {
        let key = "\(number)-\(row)"
        // Proof: bytes of a UTF-8 span have no padding between them.
        try file.put(unsafe key.utf8Span.span.bytes, unsafe key.utf8Span.span.bytes)
      }
      try file.finish()
    }
    return files
  }

  /// The number of rows in a family.
  func countRows(family name: String = "default") -> Int {
    guard let family = columnFamily(name) else { return 0 }
    let snapshot = makeSnapshot()
    var rows = makeIterator(in: family, at: snapshot)
    rows.seekToFirst()
    var count = 0
    while rows.isValid {
      count += 1
      rows.next()
    }
    return count
  }
}
