package import Changelog

/// A commit as a value, made from a number: some records, some tombstones, positions, at times a stream time.
package struct Sample: Sendable, Equatable {
  /// One change.
  package struct Record: Sendable, Equatable {
    package var table: TableID
    package var key: [UInt8]
    package var value: [UInt8]?
  }

  package var records: [Record] = []
  package var position: Position = [:]
  package var streamTime: Timestamp?

  /// The commit of a number; equal numbers give equal commits.
  package init(_ number: Int) { self.init(number, recordCount: number % 7) }

  /// The commit of a number, with `recordCount` records.
  package init(_ number: Int, recordCount: Int) {
    for index in 0..<recordCount {
      let key = Array("key-\(number)-\(index)".utf8)
      let value = [UInt8](repeating: UInt8(truncatingIfNeeded: number &* 31 &+ index), count: number * index % 300)
      records.append(
        Record(table: TableID(UInt32(1 + index * 100)), key: key, value: (number + index) % 5 == 3 ? nil : value))
    }
    position = [TopicPartition("in", 0): Offset(Int64(number) * 10), TopicPartition("ïn", 7): Offset(Int64(number))]
    streamTime = number % 3 == 0 ? nil : Timestamp(number) * 1000 - 5
  }

  package init(_ commit: LoggedCommit) throws(StoreError) {
    position = commit.position
    streamTime = commit.streamTime
    var records: [Record] = []
    try commit.records.forEach { (table, key, value) throws(StoreError) in
      var bytes: [UInt8]?
      if let value { bytes = value.array }
      records.append(Record(table: table, key: key.array, value: bytes))
    }
    self.records = records
  }

  /// The commit to append.
  package func commit() -> Commit {
    var commit = Commit(position: position, streamTime: streamTime)
    for record in records {
      if let value = record.value {
        unsafe commit.records.append(record.table, key: record.key.span.bytes, value: value.span.bytes)
      } else {
        unsafe commit.records.append(record.table, key: record.key.span.bytes, value: nil)
      }
    }
    return commit
  }
}

/// A commit as it was read, as a value.
package struct ReadSample: Sendable, Equatable {
  package var sample: Sample
  package var baseOffset: Offset
  package var endOffset: Offset
  package var epoch: Int32
  package var previousReceipt: Receipt
  package var receipt: Receipt

  package init(_ commit: LoggedCommit) throws(StoreError) {
    sample = try Sample(commit)
    baseOffset = commit.baseOffset
    endOffset = commit.endOffset
    epoch = commit.epoch
    previousReceipt = commit.previousReceipt
    receipt = commit.receipt
  }
}
