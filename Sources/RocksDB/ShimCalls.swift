internal import CRocksDB

extension RocksDBError {
  /// Takes a status that isn't ok, and frees its message.
  init(taking status: RDBStatus) {
    // Proof: the shim's message is null or ends with a zero, and nobody else frees it.
    self.init(
      Code(rawValue: unsafe status.code) ?? .aborted,
      Subcode(rawValue: unsafe status.subcode) ?? .other,
      severity: Severity(rawValue: unsafe status.severity) ?? .none,
      message: unsafe status.message.map { unsafe String(cString: $0) } ?? "")
    unsafe rdb_status_free(status)
  }

  /// The status for the shim; the receiver frees its message.
  var status: RDBStatus { unsafe rdb_status_make(code.rawValue, subcode.rawValue, severity.rawValue, message) }
}

/// Throws what a status says.
func check(_ status: RDBStatus) throws(RocksDBError) {
  if unsafe status.code != 0 { throw unsafe RocksDBError(taking: status) }
}

/// Stops the program on a failure, which only misuse or a lack of memory can cause.
func require(_ status: RDBStatus) {
  if unsafe status.code != 0 { fatalError(unsafe RocksDBError(taking: status).description) }
}

/// Runs a call of the shim that makes a handle, and can fail only by misuse or for lack of memory.
func requireHandle(_ create: (UnsafeMutablePointer<OpaquePointer?>) -> RDBStatus) -> OpaquePointer {
  var handle: OpaquePointer?
  unsafe require(create(&handle))
  // Proof: a status that is ok comes with a handle.
  return unsafe handle!
}

/// Runs a call of the shim that makes a handle.
func makeHandle(
  _ create: (UnsafeMutablePointer<OpaquePointer?>) -> RDBStatus
) throws(RocksDBError) -> OpaquePointer {
  var handle: OpaquePointer?
  unsafe try check(create(&handle))
  // Proof: a status that is ok comes with a handle.
  return unsafe handle!
}

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
