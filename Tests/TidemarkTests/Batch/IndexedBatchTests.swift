import Foundation
import Testing
@testable import Tidemark
import TidemarkTesting

/// The batch compared with a dictionary that is sorted when it is read.
@Suite struct IndexedBatchTests {
  private let table = TableID(1)

  /// Keys that share prefixes, are shorter than eight bytes, or end in zeros.
  private func randomKey(_ random: inout SeededGenerator, of count: Int) -> [UInt8] {
    let number = Int.random(in: 0..<count, using: &random)
    switch number % 4 {
    case 0: return Array("customer-\(number)".utf8)
    case 1: return [UInt8](repeating: 0, count: number / 4 % 12)
    case 2: return [UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number), 0, 0]
    default:
      let hash = UInt64(number) &* 0x9E37_79B9_7F4A_7C15
      return (0..<8).map { UInt8(truncatingIfNeeded: hash >> (8 * $0)) } + [1, 2, 3]
    }
  }

  private func entries(_ batch: IndexedBatch) -> [([UInt8], [UInt8]?)] {
    var entries: [([UInt8], [UInt8]?)] = []
    batch.forEach(in: table) { key, value in entries.append((key.array, value?.array)) }
    return entries
  }

  private func expect(_ batch: IndexedBatch, _ model: [[UInt8]: [UInt8]?], _ random: inout SeededGenerator, keys: Int) {
    let sorted = model.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    #expect(batch.count == sorted.count)
    #expect(entries(batch).elementsEqual(sorted) { $0.0 == $1.key && $0.1 == $1.value })
    var backwards: [[UInt8]] = []
    var position = batch.last(in: table)
    while let current = position {
      backwards.append(unsafe Array(current.entry.key))
      position = current.previous
    }
    #expect(backwards.elementsEqual(sorted.reversed().map(\.key)))
    for _ in 0..<20 {
      let key = randomKey(&random, of: keys)
      let found: [UInt8]?? = batch.find(key.rawSpan, in: table).map { entry in
        entry.state == .deleted ? nil : unsafe Array(entry.value)
      }
      #expect(found == model[key])
      let from = batch.first(in: table, from: key.rawSpan).map { unsafe Array($0.entry.key) }
      #expect(from == sorted.first { !$0.key.lexicographicallyPrecedes(key) }?.key)
      let before = batch.last(in: table, before: key.rawSpan).map { unsafe Array($0.entry.key) }
      #expect(before == sorted.last { $0.key.lexicographicallyPrecedes(key) }?.key)
    }
  }

  /// Merges batches of all sizes, so that leaves are split while they have pending changes.
  ///
  /// Seen to fail with: paths to leaves that are still used after a node was added.
  @Test(arguments: 0..<8) func mergedBatchesAgreeWithADictionary(_ round: Int) throws {
    var random = SeededGenerator(seed: testSeed("merged batches round \(round)"))
    let merged = IndexedBatch()
    var model: [[UInt8]: [UInt8]?] = [:]
    let other = TableID(7)
    var otherModel: [[UInt8]: [UInt8]?] = [:]
    let keys = [3, 40, 400, 5000][round % 4]
    for _ in 0..<40 {
      let batch = IndexedBatch()
      for _ in 0..<[0, 1, 3, 5, 200][Int.random(in: 0..<5, using: &random)] {
        let key = randomKey(&random, of: keys)
        let value: [UInt8]? =
          Bool.random(using: &random)
          ? nil : [UInt8](repeating: .random(in: 0...255, using: &random), count: .random(in: 0..<60, using: &random))
        let isOther = Int.random(in: 0..<4, using: &random) == 0
        if isOther { otherModel[key] = .some(value) } else { model[key] = .some(value) }
        if let value {
          batch.put(key.rawSpan, value.rawSpan, in: isOther ? other : table)
        } else {
          batch.delete(key.rawSpan, in: isOther ? other : table)
        }
      }
      merged.merge(batch)
      #expect(merged.count == model.count + otherModel.count)
    }
    for key in otherModel.keys {
      let found: [UInt8]?? = merged.find(key.rawSpan, in: other).map { entry in
        entry.state == .deleted ? nil : unsafe Array(entry.value)
      }
      #expect(found == otherModel[key])
    }
    #expect(
      entries(merged).elementsEqual(model.sorted { $0.key.lexicographicallyPrecedes($1.key) }) {
        $0.0 == $1.key && $0.1 == $1.value
      })
  }

  @Test(arguments: 0..<12) func aRandomHistoryAgreesWithADictionary(_ round: Int) throws {
    var random = SeededGenerator(seed: testSeed("indexed batch round \(round)"))
    let batch = IndexedBatch()
    var model: [[UInt8]: [UInt8]?] = [:]
    var savepoints: [([[UInt8]: [UInt8]?], Int)] = []
    let keys = [3, 40, 400, 5000][round % 4]
    for step in 0..<6000 {
      switch Int.random(in: 0..<1000, using: &random) {
      case 0..<700:
        let key = randomKey(&random, of: keys)
        let value = [UInt8](
          repeating: UInt8(truncatingIfNeeded: step), count: Int.random(in: 0..<100, using: &random))
        batch.put(key.rawSpan, value.rawSpan, in: table)
        model[key] = .some(value)
      case 700..<980:
        let key = randomKey(&random, of: keys)
        batch.delete(key.rawSpan, in: table)
        model[key] = .some(nil)
      case 980..<988:
        savepoints.append((model, batch.byteCount))
        batch.setSavepoint()
      case 988..<993 where !savepoints.isEmpty:
        model = savepoints.removeLast().0
        batch.rollBackToSavepoint()
        expect(batch, model, &random, keys: keys)
      case 993..<996 where !savepoints.isEmpty:
        savepoints.removeLast()
        batch.releaseSavepoint()
      case 996:
        batch.removeAll()
        model = [:]
        savepoints = []
        #expect(batch.byteCount == 0)
      default: expect(batch, model, &random, keys: keys)
      }
    }
    expect(batch, model, &random, keys: keys)
  }

  @Test func anEntryTakesAtMost48BytesBesidesKeyAndValue() {
    let batch = IndexedBatch()
    let count = 100_000
    var random = SeededGenerator(seed: testSeed("memory of entries"))
    for _ in 0..<count {
      let key = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
      batch.put(key.rawSpan, [UInt8](repeating: 7, count: 100).rawSpan, in: table)
    }
    #expect(batch.count == count)
    #expect(batch.byteCount <= count * (16 + 100 + 48))
  }

  @Test func aValueThatShrankHasItsRoomBack() {
    let batch = IndexedBatch()
    func put(_ count: Int) {
      batch.put([1].rawSpan, [UInt8](repeating: UInt8(truncatingIfNeeded: count), count: count).rawSpan, in: table)
    }
    for longest in [100, 100_000] {
      put(longest)
      let before = batch.byteCount
      for count in [longest - 60, longest, longest - 1, longest] {
        put(count)
        #expect(batch.byteCount == before)
        let value = batch.find([1].rawSpan, in: table).map { unsafe Array($0.value) }
        #expect(value == [UInt8](repeating: UInt8(truncatingIfNeeded: count), count: count))
      }
    }
  }
}
