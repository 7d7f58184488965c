import Changelog
import Foundation
import RocksDB

@testable import Tidemark

/// The checks of a program of version 0.1 before it takes a store or a changelog; these rules don't change.
enum Version1Program {
  /// The reason to refuse a store's directory, which nobody has open; `nil` if the program takes it.
  static func refusal(ofStore path: String) throws -> String? {
    let head = try String(contentsOfFile: path + "/HEAD", encoding: .utf8)
    if !head.hasPrefix("tidemark-head 1\n") { return "HEAD is of a newer version" }
    let rows = try offsetsRows(of: path)
    if rows["tidemark:format"] != [1] { return "the store's format is newer than this version" }
    for (key, value) in rows where key.hasPrefix("tidemark:table:") {
      if let refusal = refusal(ofTable: value) { return refusal }
    }
    return nil
  }

  /// The reason to refuse a changelog, from each commit and each of the store's own records.
  static func refusal(of log: FileLog) throws -> String? {
    var refusal: String?
    for segment in try log.segments() {
      let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: segment.path)))
      let (_, damage) = try RecordBatch.forEach(in: bytes.rawSpan) { (batch, _) throws(any Error) in
        var record = ByteReader(batch.recordBytes)
        _ = (record.zigzag(), record.take(6), record.zigzag())
        if record.integer(UInt8.self) != 1 { refusal = refusal ?? "another version of the commit record" }
        try CommitBatch(batch).records.forEach { (table, key, value) throws(StoreError) in
          if table != .system { return }
          if key.byteCount < 2 || key.byte(at: 0) != 1 {
            refusal = refusal ?? "a system record that this version doesn't know"
          } else {
            refusal = refusal ?? self.refusal(ofTable: value?.array ?? [])
          }
        }
      }
      if let damage { throw damage }
    }
    return refusal
  }

  private static func refusal(ofTable value: [UInt8]) -> String? {
    value.first == 1 ? nil : "a table's definition is newer than this version"
  }

  /// The rows of `offsets`.
  static func offsetsRows(of path: String) throws -> [String: [UInt8]] {
    let database = try RocksDB.Database.openReadOnly(
      path + "/db", options: DatabaseOptions(), columnFamilies: ["offsets"])
    guard let family = database.columnFamily("offsets") else { return [:] }
    var rows: [String: [UInt8]] = [:]
    var iterator = database.makeIterator(in: family)
    iterator.seekToFirst()
    while iterator.isValid {
      rows[String(decoding: iterator.key.array, as: UTF8.self)] = iterator.value.array
      iterator.next()
    }
    try iterator.checkStatus()
    return rows
  }
}
