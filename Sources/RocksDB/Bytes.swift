internal import CRocksDB

extension RawSpan {
  /// Lends the bytes to a call of the shim, which doesn't keep the pointer.
  @inline(__always)
  func lend<R>(_ body: (UnsafeRawPointer?, Int) -> R) -> R {
    unsafe withUnsafeBytes { unsafe body($0.baseAddress, $0.count) }
  }
}

/// Reads a list of strings of the shim, and destroys it.
func takeStrings(
  _ create: (UnsafeMutablePointer<OpaquePointer?>) -> RDBStatus
) throws(RocksDBError) -> [String] {
  let list = unsafe try makeHandle(create)
  // Proof: the list lives until the end of this function, and the strings are copied.
  defer { unsafe rdb_strings_destroy(list) }
  return (0..<(unsafe rdb_strings_count(list))).map { unsafe string(rdb_strings_at(list, $0)) }
}

/// Copies a string of the shim.
func string(_ slice: RDBSlice) -> String {
  // Proof: the shim's slices are not null and hold `length` bytes.
  unsafe String(decoding: UnsafeRawBufferPointer(start: slice.bytes, count: slice.length), as: UTF8.self)
}
