internal import Changelog
internal import RocksDB

extension StoreError {
  /// The store's view of what RocksDB said: the kind follows from its code.
  init(
    _ error: RocksDBError, _ message: String,
    _ metadata: KeyValuePairs<String, any CustomStringConvertible> = [:]
  ) {
    let kind: Kind =
      switch (error.code, error.subcode) {
      case (_, .noSpace): .outOfSpace
      // A file that the database says is there is gone.
      case (.corruption, _), (_, .pathNotFound): .corrupted
      case (.invalidArgument, _), (.notSupported, _): .invalidArgument
      case (.busy, _), (.timedOut, _), (.tryAgain, _), (.incomplete, _): .unavailable
      case (.shutdownInProgress, _): .closed
      default: error.message.contains("Permission denied") ? .permissionDenied : .inputOutput
      }
    self.init(kind, message, metadata, cause: error)
  }
}

/// Runs calls of RocksDB; what they throw becomes the store's error, with this message and these values.
func mappingErrors<R: ~Copyable>(
  to message: String, _ metadata: KeyValuePairs<String, any CustomStringConvertible> = [:],
  _ body: () throws(RocksDBError) -> R
) throws(StoreError) -> R {
  do throws(RocksDBError) { return try body() } catch { throw StoreError(error, message, metadata) }
}
