internal import Changelog
internal import TidemarkTesting

extension FuzzTarget {
  /// A byte of ``BatchRepair``, a byte of ``SegmentLayout``, and bytes that become the segments of a file log.
  ///
  /// It is read, opened for writing, appended to, and opened again. Each step either fails with an error that names the
  /// damaged file, and leaves all segments alone; or everything readable before is readable afterwards, as a valid log.
  static let segment = FuzzTarget("segment", greatestBytes: 4096, seeds: segmentSeeds) { input in
    guard input.byteCount >= 2 else { return }
    var bytes = ByteWriter(capacity: input.byteCount)
    bytes.append(input.extracting(2...))
    let layout = SegmentLayout(rawValue: input.byte(at: 1))
    let isWhole = layout.isDisjoint(with: .startsLater) || bytes.count < 8
    BatchRepair(rawValue: input.byte(at: 0)).apply(
      to: &bytes, after: isWhole ? Receipt(startOf: SampleBatches.identity) : nil)
    try checkLog(try layout.storage(of: bytes.bytes))
  }
}

/// How bytes become a log.
private struct SegmentLayout: OptionSet {
  let rawValue: UInt8

  /// The two bits with the number of batches in the first segment; with 0 it is the only segment.
  static let firstSegment = SegmentLayout(rawValue: 3)
  /// All but the last batch is recorded as durable.
  static let hasRecoveryPoint = SegmentLayout(rawValue: 4)
  /// The epochs of the batches are recorded.
  static let hasEpochs = SegmentLayout(rawValue: 8)
  /// Earlier segments were deleted: the log starts where the first batch says.
  static let startsLater = SegmentLayout(rawValue: 16)

  func storage(of bytes: RawSpan) throws -> MemoryStorage {
    let storage = MemoryStorage()
    let path = "/\(SampleBatches.partition)"
    _ = try storage.createDirectory(path)
    storage[path + "/partition.metadata"] = SampleBatches.metadata
    var headers: [(position: Int, header: RecordBatchHeader)] = []
    _ = RecordBatch.forEach(in: bytes) { batch, position in headers.append((position, batch.header)) }

    var reader = ByteReader(bytes)
    let base = contains(.startsLater) ? max(0, reader.integer(Int64.self) ?? 0) : 0
    var split = bytes.byteCount
    let count = Int(rawValue & Self.firstSegment.rawValue)
    if count > 0, count < headers.count {
      let second = headers[count]
      split = second.position
      storage[path + "/" + segmentName(second.header.baseOffset, "log")] = bytes.extracting(split...).array
    }
    storage[path + "/" + segmentName(base, "log")] = bytes.extracting(..<split).array
    func record(_ name: String, _ line: String) { storage[path + "/" + name] = Array("0\n1\n\(line)\n".utf8) }
    if base > 0 { record("log-start-offset-checkpoint", "fuzz 0 \(base)") }
    if contains(.hasRecoveryPoint), let last = headers.last {
      record("recovery-point-offset-checkpoint", "fuzz 0 \(last.header.baseOffset)")
    }
    if contains(.hasEpochs), let first = headers.first {
      record("leader-epoch-checkpoint", "\(max(0, first.header.epoch)) \(first.header.baseOffset)")
    }
    return storage
  }
}

private func checkLog(_ storage: MemoryStorage) throws {
  // An entry for each batch, so that indexes are read.
  let options = FileLogOptions(indexIntervalBytes: 0)
  let log = try FileLog.open("", SampleBatches.partition, options: options, storage: storage)
  let before = try LogReading(log)
  if before.error == nil { try expectConsistent(log, before) }
  let segments = storage.paths.filter { $0.hasSuffix(".log") }.map { ($0, storage[$0]) }
  do throws(StoreError) {
    try log.openWriter().close()
  } catch {
    try expectClear(error)
    for (path, bytes) in segments {
      try expect(storage[path] == bytes, "\(path) was changed although it can't be opened")
    }
    return
  }
  let recovered = try LogReading(log)
  try expect(recovered.commits.starts(with: before.commits), "what could be read before recovery can't be afterwards")
  guard before.error == nil else { return }
  try expect(recovered.error == nil, "what could be read before recovery is an error: \(recovered.error as Any)")
  try expect(recovered.commits == before.commits, "recovery shows commits that were not there")
  try expectAppendable(storage, options, recovered)
}

private func segmentSeeds() throws -> [[UInt8]] {
  var seeds: [[UInt8]] = []
  let whole = try SampleBatches.of([0, 4, 1, 2, 5])
  for layout: UInt8 in [0, 1, 2, 3, 4, 8, 12, 15] {
    seeds.append([BatchRepair.all.rawValue, layout] + whole.bytes)
    seeds.append([0, layout] + whole.bytes)
  }
  seeds.append([0, 0] + whole.bytes.dropLast(7))
  seeds.append([0, 4] + whole.bytes.dropLast(7))
  // The third batch says that the first two are durable, but the second is damaged.
  var durable = SampleBatches()
  try durable.append(3)
  try durable.append(1)
  try durable.append(2, durable: durable.end, epoch: 1)
  var torn = durable.bytes
  torn[durable.starts[1].position + 70] ^= 1
  seeds.append([0, 0] + torn)
  for base: Int64 in [5, 1 << 40, RecordBatchHeader.greatestBaseOffset - 8] {
    let later = try SampleBatches.of([1, 2, 3], at: Offset(base))
    seeds.append([BatchRepair.checksum.rawValue, 16] + later.bytes)
    seeds.append([BatchRepair.all.rawValue, 16 + 1] + later.bytes)
  }
  seeds.append([0, 0])
  return seeds
}
