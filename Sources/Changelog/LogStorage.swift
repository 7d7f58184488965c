/// What the file log asks of a file system.
///
/// Errors are `outOfSpace`, `permissionDenied` or `inputOutput`; what may well be missing is an answer, not an error.
package protocol LogStorage: Sendable {
  /// Opens a file; `nil` if it is missing.
  func open(_ path: String, _ mode: LogFileMode) throws(StoreError) -> (any LogFile)?
  /// Gives a file another name, replacing what had it.
  func rename(_ path: String, to target: String) throws(StoreError)
  /// Gives a file a second name; `false` if that is taken.
  func link(_ path: String, as target: String) throws(StoreError) -> Bool
  /// Removes a file; it may be missing.
  func unlink(_ path: String) throws(StoreError)
  /// Creates a directory that only its owner may use; `false` if it exists.
  func createDirectory(_ path: String) throws(StoreError) -> Bool
  /// The names in a directory; `nil` if it is missing.
  func list(_ directory: String) throws(StoreError) -> [String]?
  /// Makes the names in a directory survive a loss of power.
  func syncDirectory(_ path: String) throws(StoreError)
}

/// How a file is opened.
package enum LogFileMode: Sendable {
  case read
  case readWrite
  /// Creates it; fails if it exists.
  case create
  /// Creates it if it is missing.
  case openOrCreate
  /// Creates it, or empties what is there.
  case replace
}

/// An open file; it closes when nobody refers to it any more.
package protocol LogFile: AnyObject, Sendable {
  /// Writes two pieces one after the other with one call; returns how many bytes were written, which can be fewer.
  func write(_ first: RawSpan, _ second: RawSpan, at position: Int) throws(StoreError) -> Int
  /// Fills the buffer as far as the file goes; returns how many bytes were read.
  func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int) throws(StoreError) -> Int
  /// Makes the contents survive a loss of power.
  func sync() throws(StoreError)
  func truncate(to byteCount: Int) throws(StoreError)
  func size() throws(StoreError) -> Int
  /// Takes the exclusive lock of the file, held as long as the file is open; `false` if another has it.
  func tryLock() throws(StoreError) -> Bool
  /// Whether it still has a name: it wasn't removed or replaced since it was opened.
  func isLinked() throws(StoreError) -> Bool
  /// Whether the path still leads to this very file.
  func isStill(at path: String) throws(StoreError) -> Bool
}

extension LogFile {
  /// Writes all bytes, in several calls if need be.
  package func writeAll(_ bytes: RawSpan, at position: Int) throws(StoreError) {
    var done = 0
    while done < bytes.byteCount {
      let count = try write(bytes.extracting(done...), RawSpan(), at: position + done)
      if count == 0 { throw StoreError(.outOfSpace, "a write wrote nothing") }
      done += count
    }
  }
}
