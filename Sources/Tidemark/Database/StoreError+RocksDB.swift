internal import Changelog
internal import RocksDB
internal import TidemarkBase

extension StoreError {
  /// What to do about damage to a database, which RocksDB's own message may not even place in a file.
  static let rebuild = "rebuild the store from its changelog, or put back a copy"

  /// The store's view of what RocksDB said: the kind follows from its code; where it is damage, so does the `remedy`.
  init(
    _ error: RocksDBError, _ message: String,
    _ metadata: KeyValuePairs<String, any CustomStringConvertible> = [:], ifDamaged remedy: String = rebuild
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
    self.init(kind, kind == .corrupted ? message + "; " + remedy : message, metadata, cause: error)
    // RocksDB tells of it in the system's words alone.
    if error.message.contains("Too many open files") { tellOpenFileLimit() }
  }
}

/// Runs calls of RocksDB; what they throw becomes the store's error, with this message and these values.
func mappingErrors<R: ~Copyable>(
  to message: String, _ metadata: KeyValuePairs<String, any CustomStringConvertible> = [:],
  ifDamaged remedy: String = StoreError.rebuild, _ body: () throws(RocksDBError) -> R
) throws(StoreError) -> R {
  do throws(RocksDBError) { return try body() } catch {
    throw StoreError(error, message, metadata, ifDamaged: remedy)
  }
}
