import Glibc
import RocksDB

/// Writes rows of two families to RocksDB's log, some of them after a flush, and kills the process.
func writeLog(_ path: String) throws {
  let database = try Database.open(path, options: .init(), columnFamilies: [])
  let first = try database.createColumnFamily("first")
  let second = try database.createColumnFamily("second")
  for row in 0..<2_000 {
    if row == 1_000 { try database.flush() }
    var batch = WriteBatch()
    let (key, offset) = ("\(row)", "offset")
    // Proof: bytes of a UTF-8 span have no padding between them.
    batch.put(unsafe key.utf8Span.span.bytes, unsafe key.utf8Span.span.bytes, in: first)
    batch.put(unsafe offset.utf8Span.span.bytes, unsafe key.utf8Span.span.bytes, in: second)
    try database.write(batch, log: .unsynced)
  }
  kill(getpid(), SIGKILL)
}
