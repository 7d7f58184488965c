import CPlainRocksDB
import Foundation
import RocksDB
import Testing

@testable import Tidemark
import TidemarkTesting

/// Merged scans compared with those of RocksDB's indexed batch over the same database.
@Suite struct BatchScanTests {
  let directory: TemporaryDirectory
  private let table = TableID(1)

  init() throws { directory = try TemporaryDirectory() }

  private func randomKey(_ random: inout SeededGenerator) -> [UInt8] {
    (0..<Int.random(in: 0...3, using: &random)).map { _ in [0, 1, 7, 255].randomElement(using: &random)! }
  }

  private func merged(_ cursor: consuming ByteCursor) throws -> [[UInt8]] {
    var cursor = cursor
    var rows: [[UInt8]] = []
    var last: [UInt8] = []
    while try cursor.advance(behind: last.rawSpan) {
      last = cursor.key.array
      rows += [last, cursor.value.array]
    }
    return rows
  }

  /// The rows in a range, filtered from all rows, because RocksDB's own bounds would let deleted keys through.
  private func rows(of all: [[[UInt8]]], in range: KeyRange, _ order: ScanOrder) -> [[UInt8]] {
    let rows = all.filter { row in
      let key = row[0]
      return !key.lexicographicallyPrecedes(range.lower)
        && range.upper.map { key.lexicographicallyPrecedes($0) } != false
    }
    return (order == .ascending ? rows : rows.reversed()).flatMap { $0 }
  }

  @Test func scansOfAnyRangeAgreeWithRocksDB() throws {
    var random = SeededGenerator(seed: testSeed())
    var stored: [[UInt8]: [UInt8]] = [:]
    for _ in 0..<60 { stored[randomKey(&random)] = [1] }
    let database = try Database.open(directory("db"), options: .init(), columnFamilies: [])
    let family = try database.createColumnFamily("table")
    var file = try database.makeTableFile(at: directory("rows.sst"), for: family)
    for (key, value) in stored.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      try file.put(key.rawSpan, value.rawSpan)
    }
    try file.finish()
    var ingestion = try database.makeIngestion()
    try ingestion.add(directory("rows.sst"), to: family)
    try ingestion.finish()
    let oracle = try Oracle(directory("oracle"), stored)
    for round in 0..<100 {
      let ours = IndexedBatch()
      var changes: [(key: [UInt8], value: [UInt8]?)] = []
      for _ in 0..<Int.random(in: 0..<80, using: &random) {
        let key = randomKey(&random)
        if Bool.random(using: &random) {
          let value = [UInt8](repeating: UInt8(round), count: Int.random(in: 0..<20, using: &random))
          ours.put(key.rawSpan, value.rawSpan, in: table)
          changes.append((key, value))
        } else {
          ours.delete(key.rawSpan, in: table)
          changes.append((key, nil))
        }
      }
      let all = try oracle.rows(changes)
      for order in [ScanOrder.ascending, .descending] {
        let bounds = [randomKey(&random), randomKey(&random)].sorted { $0.lexicographicallyPrecedes($1) }
        for range in [KeyRange(), KeyRange(lower: bounds[0]), KeyRange(lower: bounds[0], upper: bounds[1])] {
          let found = try merged(
            ByteCursor(
              database.makeIterator(in: family), over: [], table, changes: ours,
              range: range, order: order))
          let expected = rows(of: all, in: range, order)
          #expect(found == expected, "\(range) \(order)")
        }
      }
    }
  }
}

/// A database of plain RocksDB, and its indexed batch.
@safe
private final class Oracle {
  // Proof: made by `init`, and closed by `deinit` alone.
  private let database: OpaquePointer

  init(_ path: String, _ rows: [[UInt8]: [UInt8]]) throws {
    var opened: OpaquePointer?
    unsafe try check(plain_create(path, 1, &opened))
    unsafe self.database = try #require(unsafe opened)
    let batch = unsafe plain_batch_create(self.database)
    defer { unsafe plain_batch_destroy(batch) }
    for (key, value) in rows { unsafe try check(plain_batch_set(batch, 0, key, key.count, value, value.count)) }
    unsafe try check(plain_write(self.database, batch))
  }

  deinit { unsafe plain_close(database) }

  /// All rows, as keys and values, with changes laid over them; a change without a value deletes.
  func rows(_ changes: [(key: [UInt8], value: [UInt8]?)]) throws -> [[[UInt8]]] {
    let batch = unsafe plain_batch_create(database)
    defer { unsafe plain_batch_destroy(batch) }
    for (key, value) in changes {
      if let value {
        unsafe try check(plain_batch_set(batch, 0, key, key.count, value, value.count))
      } else {
        unsafe try check(plain_batch_set(batch, 0, key, key.count, nil, 0))
      }
    }
    var rows: [[[UInt8]]] = []
    unsafe try check(
      withUnsafeMutablePointer(to: &rows) {
        unsafe plain_scan(batch, 0, $0) { context, key, keyCount, value, valueCount in
          // Proof: the context is the pointer to `rows`, and the bytes live as long as this call.
          unsafe context!.assumingMemoryBound(to: [[[UInt8]]].self).pointee.append([
            unsafe Array(UnsafeRawBufferPointer(start: key, count: keyCount)),
            unsafe Array(UnsafeRawBufferPointer(start: value, count: valueCount)),
          ])
        }
      })
    return rows
  }
}

private func check(_ error: UnsafeMutablePointer<CChar>?) throws {
  // Proof: the shim's message ends with a zero, and is the caller's.
  guard let error = unsafe error else { return }
  defer { unsafe free(error) }
  throw StoreError(.inputOutput, "RocksDB failed", ["error": unsafe String(cString: error)])
}
