import Foundation
import RocksDB
import Testing

/// A directory of its own, removed when the test is over.
final class TemporaryDirectory: Sendable {
  let path: String

  init() {
    path = NSTemporaryDirectory() + "/rocksdb-tests-" + UUID().uuidString
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// A path inside the directory where nothing exists yet.
  func child(_ name: String) -> String { path + "/" + name }

  /// Every file below, with size and time of change.
  func listing() -> [String] {
    (FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []).sorted().map { name in
      let attributes = try? FileManager.default.attributesOfItem(atPath: path + "/" + name)
      let size = attributes?[.size] ?? "?"
      let date = (attributes?[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
      return "\(name) \(size) \(date)"
    }
  }
}

/// A value under a lock, for closures that RocksDB's threads call.
final class Locked<Value: Sendable>: @unchecked Sendable {
  // Proof: `stored` is touched only under the lock.
  private let lock = NSLock()
  private var stored: Value

  init(_ value: Value) { stored = value }

  var value: Value { lock.withLock { stored } }

  func change(_ body: (inout Value) -> Void) { lock.withLock { body(&stored) } }
}

/// Strings as keys and values.
func text(_ bytes: RawSpan) -> String { unsafe bytes.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) } }

func optionalText(_ bytes: RawSpan?) -> String? {
  if let bytes { text(bytes) } else { nil }
}

extension String {
  /// Its UTF-8.
  var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      // Proof: bytes of a UTF-8 span have no padding between them.
      unsafe utf8Span.span.bytes
    }
  }
}

extension Database {
  /// A column family that must exist.
  func family(_ name: String) throws -> ColumnFamily {
    guard let family = columnFamily(name) else {
      throw RocksDBError(.notFound, message: "no column family is named \(name)")
    }
    return family
  }

  func get(_ key: String, in family: borrowing ColumnFamily) throws -> String? {
    try withValue(key.bytes, in: family, text)
  }

  func get(_ key: String, in family: borrowing ColumnFamily, at snapshot: borrowing Snapshot) throws -> String? {
    try withValue(key.bytes, in: family, at: snapshot, text)
  }

  /// Ingests one file of rows; a row without a value is a deletion.
  ///
  /// `path` is on the database's file system.
  func install(
    _ rows: [String: String?], in family: borrowing ColumnFamily,
    through path: String = NSTemporaryDirectory() + "/rocksdb-tests-\(UUID()).sst"
  ) throws {
    defer { try? FileManager.default.removeItem(atPath: path) }
    var file = try makeTableFile(at: path, for: family)
    for (key, value) in rows.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
      if let value { try file.put(key.bytes, value.bytes) } else { try file.delete(key.bytes) }
    }
    try file.finish()
    var ingestion = try makeIngestion()
    try ingestion.add(path, to: family)
    try ingestion.finish()
  }

  func put(_ key: String, _ value: String, in family: borrowing ColumnFamily) throws {
    try install([key: value], in: family)
  }

  func delete(_ key: String, in family: borrowing ColumnFamily) throws { try install([key: nil], in: family) }

  /// All rows of a family, forwards.
  func rows(in family: borrowing ColumnFamily) throws -> [String] { try makeIterator(in: family).forwards() }
}

extension RocksDB.Iterator {
  var row: String? { isValid ? text(key) + "=" + text(value) : nil }

  consuming func forwards() throws -> [String] {
    var rows: [String] = []
    seekToFirst()
    while let row {
      rows.append(row)
      next()
    }
    try checkStatus()
    return rows
  }

  consuming func backwards() throws -> [String] {
    var rows: [String] = []
    seekToLast()
    while let row {
      rows.append(row)
      previous()
    }
    try checkStatus()
    return rows
  }
}

/// Runs `body`, which must fail with a `RocksDBError`, and returns the error.
func failure(_ body: () throws -> Void) -> RocksDBError? {
  do { try body() } catch { return error as? RocksDBError }
  return nil
}

/// Polls the condition for at most half a minute.
func eventually(_ condition: () -> Bool) -> Bool {
  let deadline = ContinuousClock.now.advanced(by: .seconds(30))
  while !condition() {
    if ContinuousClock.now > deadline { return false }
    sched_yield()
  }
  return true
}
