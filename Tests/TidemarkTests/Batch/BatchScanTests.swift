import Foundation
import RocksDB
import Testing

@testable import Tidemark
import TidemarkTesting

/// Merged scans beside those of RocksDB's indexed batch over the same database.
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

  /// The rows of RocksDB's iterator; the range is cut from all of them, as its own bounds would let deleted keys through.
  private func oracle(
    _ iterator: consuming RocksDB.Iterator, _ range: KeyRange, _ order: ScanOrder
  ) throws -> [[UInt8]] {
    var iterator = iterator
    var rows: [[[UInt8]]] = []
    iterator.seekToFirst()
    while iterator.isValid {
      let key = iterator.key.array
      let isIn =
        !key.lexicographicallyPrecedes(range.lower) && range.upper.map { key.lexicographicallyPrecedes($0) } != false
      if isIn { rows.append([key, iterator.value.array]) }
      iterator.next()
    }
    try iterator.checkStatus()
    return (order == .ascending ? rows : rows.reversed()).flatMap { $0 }
  }

  @Test func scansOfAnyRangeAgreeWithRocksDB() throws {
    var random = SeededGenerator(seed: testSeed())
    let database = try Database.open(directory("db"), options: .init(), columnFamilies: [])
    let family = try database.createColumnFamily("table")
    var rows = WriteBatch()
    for _ in 0..<60 { rows.put(randomKey(&random).rawSpan, ([1] as [UInt8]).rawSpan, in: family) }
    try database.write(rows, log: .off)
    for round in 0..<100 {
      let ours = IndexedBatch()
      var theirs = IndexedWriteBatch()
      for _ in 0..<Int.random(in: 0..<80, using: &random) {
        let key = randomKey(&random)
        if Bool.random(using: &random) {
          let value = [UInt8](repeating: UInt8(round), count: Int.random(in: 0..<20, using: &random))
          ours.put(key.rawSpan, value.rawSpan, in: table)
          theirs.put(key.rawSpan, value.rawSpan, in: family)
        } else {
          ours.delete(key.rawSpan, in: table)
          theirs.delete(key.rawSpan, in: family)
        }
      }
      for order in [ScanOrder.ascending, .descending] {
        let bounds = [randomKey(&random), randomKey(&random)].sorted { $0.lexicographicallyPrecedes($1) }
        for range in [KeyRange(), KeyRange(lower: bounds[0]), KeyRange(lower: bounds[0], upper: bounds[1])] {
          let found = try merged(
            ByteCursor(
              database.makeIterator(in: family), over: [], table, changes: ours,
              range: range, order: order))
          let expected = try oracle(
            theirs.makeIterator(in: family, over: database.makeIterator(in: family)), range, order)
          #expect(found == expected, "\(range) \(order)")
        }
      }
    }
  }
}
