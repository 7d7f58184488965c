import CBaseline
import Glibc

/// A failed call of plain RocksDB, with RocksDB's message.
struct BaselineFailure: Error, CustomStringConvertible {
  let description: String
}

/// Throws the message that a call of the baseline's shim returned, if any.
@inline(__always)
func check(_ error: BaselineError?) throws(BaselineFailure) {
  guard let error = unsafe error else { return }
  // Proof: the shim's messages are null-terminated and belong to the caller.
  defer { unsafe free(error) }
  throw BaselineFailure(description: unsafe String(cString: error))
}

/// How RocksDB's own write-ahead log handles a write.
enum WriteAheadLog: Int32, Sendable {
  case off = 0
  case unsynced = 1
  case synced = 2
}

/// How plain databases are opened; all other options are stated in `Baseline.cc`.
struct BaselineSettings: Sendable {
  /// The budget of block cache and memtables, the same as that of the store it is compared with.
  let budgetBytes: Int
  /// Whether memtables use the hint for batches in key order.
  var insertHint = true
}

/// RocksDB through its C++ interface: the store is compared with it.
///
/// May move between threads, but only one uses it at a time.
// Proof: the handle belongs to this object, RocksDB isn't bound to a thread, and a case gives a database to one thread.
@safe
final class PlainDatabase: @unchecked Sendable {
  enum Mode: Int32 {
    case create = 0
    case existing = 1
    case readOnly = 2
  }

  let handle: OpaquePointer
  private let values = unsafe ValuePool.shared.base

  init(_ path: String, _ mode: Mode, with settings: BaselineSettings) throws(BaselineFailure) {
    var opened: OpaquePointer?
    unsafe try check(
      baseline_open(path, settings.budgetBytes, mode.rawValue, settings.insertHint, &opened))
    // Proof: a call without a message gives a handle, which this object alone closes.
    unsafe handle = opened!
  }

  deinit { unsafe baseline_close(handle) }

  /// RocksDB's version.
  static var version: String { unsafe String(cString: baseline_version()) }

  /// The options in effect, by name.
  var options: [String: String] {
    let text = unsafe baseline_options(handle)
    // Proof: null-terminated, and ours to free.
    defer { unsafe free(text) }
    var options: [String: String] = [:]
    for line in unsafe String(cString: text).split(separator: "\n") {
      let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { options[String(parts[0])] = String(parts[1]) }
    }
    return options
  }

  @inline(__always)
  func put(_ key: RecordKey, _ value: UInt32, log: WriteAheadLog) throws(BaselineFailure) {
    // Proof: key and value have the lengths given, and RocksDB copies them during the call.
    unsafe try key.lend { (key) throws(BaselineFailure) in
      unsafe try check(
        baseline_put(handle, key, RecordKey.byteCount, values + Int(value), ValuePool.valueBytes, log.rawValue))
    }
  }

  /// The first byte of a key's value; nil if there is no such key.
  @inline(__always)
  func get(_ key: RecordKey) throws(BaselineFailure) -> UInt8? {
    var value = unsafe BaselineSlice()
    unsafe try key.lend { (key) throws(BaselineFailure) in
      unsafe try check(baseline_get(handle, key, RecordKey.byteCount, &value))
    }
    return unsafe firstByte(value)
  }

  /// Reads through an indexed batch.
  @inline(__always)
  func get(_ key: RecordKey, through batch: PlainIndexedBatch) throws(BaselineFailure) -> UInt8? {
    var value = unsafe BaselineSlice()
    unsafe try key.lend { (key) throws(BaselineFailure) in
      unsafe try check(baseline_indexed_get(handle, batch.handle, key, RecordKey.byteCount, &value))
    }
    return unsafe firstByte(value)
  }

  func write(_ batch: PlainBatch, log: WriteAheadLog) throws(BaselineFailure) {
    unsafe try check(baseline_write(handle, batch.handle, log.rawValue))
  }

  func write(_ batch: PlainIndexedBatch, log: WriteAheadLog) throws(BaselineFailure) {
    unsafe try check(baseline_indexed_write(handle, batch.handle, log.rawValue))
  }

  /// Puts a key prefixed with a number.
  @inline(__always)
  func put(
    _ key: RecordKey, _ value: UInt32, behind number: UInt64, log: WriteAheadLog
  ) throws(BaselineFailure) {
    let bytes = (number.bigEndian, key.high.bigEndian, key.low.bigEndian)
    // Proof: as for `put`; the three numbers lie one after the other.
    unsafe try withUnsafePointer(to: bytes) { (key) throws(BaselineFailure) in
      unsafe try check(
        baseline_put(handle, key, 24, values + Int(value), ValuePool.valueBytes, log.rawValue))
    }
  }

  /// Copies another database's rows prefixed with a number into this one, in one batch with one more row: the offset.
  func take(
    from source: PlainDatabase, behind number: UInt64, with batch: PlainBatch, offset: Int64
  ) throws(BaselineFailure) {
    let key: StaticString = "offset"
    let value = offset.bigEndian
    // Proof: both rows live during the call, which copies them.
    unsafe try withUnsafePointer(to: value) { (value) throws(BaselineFailure) in
      unsafe try check(
        baseline_copy(
          source.handle, handle, batch.handle, number,
          BaselineSlice(bytes: key.utf8Start, length: key.utf8CodeUnitCount),
          BaselineSlice(bytes: value, length: MemoryLayout<Int64>.size)))
    }
  }

  func flush() throws(BaselineFailure) { unsafe try check(baseline_flush(handle)) }

  /// Merges all files into one level.
  func compact() throws(BaselineFailure) { unsafe try check(baseline_compact(handle)) }

  /// Waits until no compaction runs or is due.
  func settle() throws(BaselineFailure) { unsafe try check(baseline_settle(handle)) }

  /// The work that compactions still have to do.
  var debt: CompactionDebt {
    unsafe CompactionDebt(
      pendingBytes: Int(baseline_property_sum(handle, "rocksdb.estimate-pending-compaction-bytes")),
      levelZeroFiles: Int(baseline_level_zero_files(handle)))
  }

  @inline(__always)
  private func firstByte(_ value: BaselineSlice) -> UInt8? {
    guard let bytes = unsafe value.bytes, unsafe value.length > 0 else { return nil }
    // Proof: pinned until the next get, and not empty.
    return unsafe bytes.load(as: UInt8.self)
  }
}

/// RocksDB's write batch.
@safe
final class PlainBatch {
  let handle: OpaquePointer
  private let values = unsafe ValuePool.shared.base
  // Its table must outlive the batch.
  private let database: PlainDatabase

  init(for database: PlainDatabase) {
    self.database = database
    unsafe handle = baseline_batch_create(database.handle)
  }

  deinit { unsafe baseline_batch_destroy(handle) }

  @inline(__always)
  func put(_ key: RecordKey, _ value: UInt32) {
    // Proof: key and value have the lengths given, and RocksDB copies them during the call.
    unsafe key.lend { key in
      unsafe baseline_batch_put(handle, key, RecordKey.byteCount, values + Int(value), ValuePool.valueBytes)
    }
  }
}

/// RocksDB's indexed write batch, which keeps the last entry of each key.
@safe
final class PlainIndexedBatch {
  let handle: OpaquePointer
  private let values = unsafe ValuePool.shared.base
  // Its table must outlive the batch.
  private let database: PlainDatabase

  init(for database: PlainDatabase) {
    self.database = database
    unsafe handle = baseline_indexed_create(database.handle)
  }

  deinit { unsafe baseline_indexed_destroy(handle) }

  @inline(__always)
  func put(_ key: RecordKey, _ value: UInt32) {
    // Proof: as for ``PlainBatch``.
    unsafe key.lend { key in
      unsafe baseline_indexed_put(handle, key, RecordKey.byteCount, values + Int(value), ValuePool.valueBytes)
    }
  }
}

/// An iterator over a plain database, or over one with an indexed batch on top.
@safe
final class PlainIterator {
  private let handle: OpaquePointer
  // The database must outlive the iterator.
  private let database: PlainDatabase
  private let batch: PlainIndexedBatch?

  init(_ database: PlainDatabase, below batch: PlainIndexedBatch? = nil) {
    self.database = database
    self.batch = batch
    unsafe handle = baseline_iterator_create(database.handle, batch?.handle)
  }

  deinit { unsafe baseline_iterator_destroy(handle) }

  /// Visits up to `rows` rows from a key on; returns the sum of their first bytes and their number.
  func scan(from key: RecordKey, rows: Int) throws(BaselineFailure) -> (sum: Int, rows: Int) {
    // Proof: the slices are used before the iterator moves.
    unsafe key.lend { key in unsafe baseline_iterator_seek(handle, key, RecordKey.byteCount) }
    var (sum, count) = (0, 0)
    var (keySlice, valueSlice) = unsafe (BaselineSlice(), BaselineSlice())
    while count < rows, unsafe baseline_iterator_current(handle, &keySlice, &valueSlice) {
      sum += unsafe Int(keySlice.bytes!.load(as: UInt8.self)) + Int(valueSlice.bytes!.load(as: UInt8.self))
      count += 1
      unsafe baseline_iterator_next(handle)
    }
    unsafe try check(baseline_iterator_status(handle))
    return (sum, count)
  }
}

/// The work that compactions still have to do at the end of a run.
struct CompactionDebt: Sendable, Codable {
  /// RocksDB's estimate of the bytes that compactions would have to rewrite.
  var pendingBytes: Int
  /// The files in level 0.
  var levelZeroFiles: Int
}
