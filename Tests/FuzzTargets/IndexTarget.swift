internal import Changelog
internal import TidemarkTesting

extension FuzzTarget {
  /// Files beside the segments of an intact log: each a byte for the file, two bytes of length, and contents.
  ///
  /// A bit of the first byte says whether the log's first segment was deleted on purpose.
  /// Whatever they hold, either all commits are read, in all ways, and more can be appended; or there is an error that
  /// names one of the files, or says that the log has another identity than `partition.metadata`.
  static let indexes = FuzzTarget("indexes", greatestBytes: 512, seeds: indexSeeds) { input in
    let isCut = input.byteCount > 0 && input.byte(at: 0) & 0x40 != 0
    let intact = try (isCut ? IntactLog.cut : IntactLog.whole).get()
    let storage = MemoryStorage(intact.storage)
    var changed: [String] = []
    var reader = ByteReader(input)
    while let number = reader.integer(UInt8.self), let length = reader.integer(UInt16.self) {
      let name = IntactLog.names[Int(number & 0x3F) % IntactLog.names.count]
      let contents = reader.take(min(Int(length), reader.remaining))?.array ?? []
      storage[IntactLog.path + name] = number & 0x80 == 0 ? contents : nil
      changed.append(name)
    }
    do {
      try checkFiles(storage, intact)
    } catch let error as StoreError {
      let isOfIdentity = error.kind == .wrongChangelog && changed.contains("partition.metadata")
      let text = "\(error)"
      try expect(isOfIdentity || changed.contains { text.contains($0) }, "none of \(changed) is named: \(error)")
    }
  }
}

/// A closed log of three segments, with indexes.
private struct IntactLog {
  static let whole = Result { try IntactLog() }
  /// Without its first segment.
  static let cut = Result { try IntactLog(isCut: true) }
  static let path = "/\(SampleBatches.partition)/"
  /// The files that may have any contents.
  static let names = [
    segmentName(0, "index"), segmentName(0, "timeindex"), segmentName(middle, "index"),
    segmentName(middle, "timeindex"),
    "leader-epoch-checkpoint", "recovery-point-offset-checkpoint", "log-start-offset-checkpoint", "partition.metadata",
    "writer.lock",
  ]
  private static let middle: Int64 = 18

  let storage = MemoryStorage()
  let options = FileLogOptions(indexIntervalBytes: 0)
  let commits: [LogReading.Commit]

  private init(isCut: Bool = false) throws {
    var batches = SampleBatches()
    for number in [3, 5, 0, 6] { try batches.append(number) }
    let first = batches.bytes.count
    try expect(batches.end == Offset(Self.middle), "the second segment starts at \(batches.end)")
    for number in [1, 8, 2, 4, 9] { try batches.append(number, durable: Offset(Self.middle), epoch: 1) }
    _ = try storage.createDirectory("/\(SampleBatches.partition)")
    storage[Self.path + "partition.metadata"] = SampleBatches.metadata
    storage[Self.path + segmentName(0, "log")] = Array(batches.bytes[..<first])
    storage[Self.path + segmentName(Self.middle, "log")] = Array(batches.bytes[first...])
    let log = try FileLog.open("", SampleBatches.partition, options: options, storage: storage)
    try log.openWriter().close()
    if isCut { try log.deleteCommits(below: batches.end) }
    commits = try LogReading(log).commits
    try expect(commits.count == (isCut ? 5 : 9), "the intact log isn't")
  }
}

private func checkFiles(_ storage: MemoryStorage, _ intact: IntactLog) throws {
  let log = try FileLog.open("", SampleBatches.partition, options: intact.options, storage: storage)
  let reading = try LogReading(log)
  if let error = reading.error { throw error }
  try expect(reading.commits == intact.commits, "the log reads otherwise")
  try expectConsistent(log, reading)
  for commit in intact.commits {
    try expect(try log.end(at: .time(commit.timestamp)) == commit.endOffset, "another end at time \(commit.timestamp)")
  }
  try expectAppendable(storage, intact.options, reading)
}

private func indexSeeds() throws -> [[UInt8]] {
  let intact = try IntactLog.whole.get()
  func part(_ number: Int, _ contents: [UInt8]) -> [UInt8] {
    [UInt8(number), UInt8(contents.count >> 8), UInt8(contents.count & 255)] + contents
  }
  var seeds: [[UInt8]] = []
  for (number, name) in IntactLog.names.enumerated() {
    seeds.append(part(number, intact.storage[IntactLog.path + name] ?? []))
    seeds.append([0x80 | UInt8(number), 0, 0])
  }
  func text(_ name: String, _ text: String) throws {
    guard let number = IntactLog.names.firstIndex(of: name) else { throw Violation("no file is named \(name)") }
    seeds.append(part(number, Array(text.utf8)))
  }
  for offset in ["0", "18", "30", "43", "9223372036854775807"] {
    try text("recovery-point-offset-checkpoint", "0\n1\nfuzz 0 \(offset)\n")
    try text("log-start-offset-checkpoint", "0\n1\nfuzz 0 \(offset)\n")
    try text("leader-epoch-checkpoint", "0\n2\n0 0\n1 \(offset)\n")
  }
  try text("leader-epoch-checkpoint", "0\n0\n")
  try text("leader-epoch-checkpoint", "1\n1\n2147483646 0\n")
  try text("partition.metadata", "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ\n")
  try text("partition.metadata", "version: 1\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ\n")
  seeds.append(seeds[0] + seeds[4] + seeds[10])
  return seeds + seeds.map { [$0[0] | 0x40] + $0.dropFirst() }
}
