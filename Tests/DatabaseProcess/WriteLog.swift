import CPlainRocksDB
import Glibc

/// Writes rows of two families to RocksDB's log, some of them after a flush, as a store of version 0.1 did, and kills the
/// process.
func writeLog(_ path: String) {
  var opened: OpaquePointer?
  unsafe require(plain_create(path, 2, &opened))
  // Proof: without an error there is a database, and it lives as long as the process.
  let database = unsafe opened!
  let batch = unsafe plain_batch_create(database)
  for row in 0..<2_000 {
    if row == 1_000 { unsafe require(plain_flush(database)) }
    let (key, offset) = ("\(row)", "offset")
    unsafe require(plain_batch_set(batch, 0, key, key.utf8.count, key, key.utf8.count))
    unsafe require(plain_batch_set(batch, 1, offset, offset.utf8.count, key, key.utf8.count))
    unsafe require(plain_write(database, batch))
  }
  kill(getpid(), SIGKILL)
}

/// Ends the process if RocksDB failed.
private func require(_ error: UnsafeMutablePointer<CChar>?) {
  // Proof: the shim's message ends with a zero.
  if let error = unsafe error { fail(unsafe String(cString: error)) }
}
