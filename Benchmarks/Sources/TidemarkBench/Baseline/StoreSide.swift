import Foundation
import Logging
import Tidemark

/// The keys of the benchmarks: 16 bytes without encoding.
struct RecordKeyCodec: KeyCodec {
  var name: String { "key16" }

  @inline(__always)
  func encode(_ value: RecordKey, into bytes: inout ByteWriter) {
    bytes.append(bigEndian: value.high)
    bytes.append(bigEndian: value.low)
  }

  func decode(_ bytes: RawSpan) throws(StoreError) -> RecordKey {
    throw StoreError(.unsupported, "keys of benchmarks are hashes of numbers and are not decoded")
  }

  func decodeComponent(_ reader: inout ByteReader) throws(StoreError) -> RecordKey {
    throw StoreError(.unsupported, "keys of benchmarks are hashes of numbers and are not decoded")
  }
}

/// The values of the benchmarks: 100 bytes of the ``ValuePool``, named by their offset.
@safe
struct RecordValueCodec: Codec {
  // Proof: the pool is never freed and never changes.
  private nonisolated(unsafe) let base = unsafe ValuePool.shared.base

  var name: String { "value100" }

  @inline(__always)
  func encode(_ value: UInt32, into bytes: inout ByteWriter) {
    // Proof: each offset in the pool has 100 bytes after it.
    bytes.append(unsafe RawSpan(_unsafeStart: base + Int(value), byteCount: ValuePool.valueBytes))
  }

  func decode(_ bytes: RawSpan) throws(StoreError) -> UInt32 {
    throw StoreError(.unsupported, "values of benchmarks are read as bytes")
  }
}

typealias RecordTable = Table<RecordKeyCodec, RecordValueCodec>
let recordTable = RecordTable("records", key: RecordKeyCodec(), value: RecordValueCodec())

/// The input partition whose offset travels with each commit.
let inputPartition = TopicPartition("input", 0)

/// The changelog of a benchmark's store.
enum ChangelogKind: Sendable {
  /// None: commits go through RocksDB's write-ahead log, acknowledged once the operating system has them.
  case none
  /// A changelog that costs nothing: it counts.
  case counting
  /// The file log.
  case file(Durability)

  var isInFiles: Bool { if case .file = self { true } else { false } }
}

/// A store in a directory of its own: `store/`, and `log/` if its changelog is in files.
struct StoreFiles: Sendable {
  let directory: String

  var store: String { directory + "/store" }
  var database: String { store + "/db" }
  var log: String { directory + "/log" }

  func open(_ kind: ChangelogKind, budgetBytes: Int) throws(StoreError) -> StateStore {
    var options = StoreOptions()
    options.budget = MemoryBudget(bytes: budgetBytes)
    options.logger = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
    options.tailDurability = .os
    let changelog: (any Changelog)?
    switch kind {
    case .none: changelog = nil
    case .counting: changelog = CountingChangelog()
    case .file(let durability):
      changelog = try FileLog.open(
        log, TopicPartition("records", 0), options: FileLogOptions(durability: durability))
    }
    return try StateStore.open(store, tables: [recordTable], changelog: changelog, options: options)
  }
}
