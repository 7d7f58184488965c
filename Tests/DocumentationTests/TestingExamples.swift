import Tidemark
import TidemarkTesting

/// What is tested: adds up input, a commit every ten records.
func addUp(_ numbers: [Int64], in store: StateStore) throws {
  let done = try store.snapshot().position[input] ?? 0
  var transaction = try store.begin()
  for (index, number) in numbers.enumerated().dropFirst(Int(done.value)) {
    try transaction.update("sum", in: spent) { $0 = ($0 ?? 0) + number }
    if index % 10 == 9 { try transaction.commit([input: Offset(Int64(index) + 1)]) }
  }
}

/// A store that lasts as long as the closure.
func sumOfATemporaryStore(_ numbers: [Int64]) throws -> Int64? {
  try withTemporaryStore(tables: [spent]) { store in
    try addUp(numbers, in: store)
    return try store.snapshot().get("sum", in: spent)
  }
}

/// The same in a test that is asynchronous.
func sumOfATemporaryStore(ofLater numbers: @Sendable () async throws -> [Int64]) async throws -> Int64? {
  try await withTemporaryStore(tables: [spent]) { store in
    try addUp(try await numbers(), in: store)
    return try store.snapshot().get("sum", in: spent)
  }
}

/// The process dies between two halves of the input; the second life goes on where the first committed last.
func sumOverTwoLives(_ numbers: [Int64]) throws -> Int64? {
  let temporary = try TemporaryStore(tables: [spent])
  try addUp(Array(numbers.prefix(numbers.count / 2)), in: temporary.store)
  let store = try temporary.reopenAfterProcessDeath()
  try addUp(numbers, in: store)
  return try withExtendedLifetime(temporary) { try store.snapshot().get("sum", in: spent) }
}

/// The process dies: the store goes without being closed, and so does what RocksDB had in memory.
func sumAfterProcessDeath(_ numbers: [Int64], in directory: String) throws -> Int64? {
  let changelog = InMemoryChangelog()
  do {
    let store = try StateStore.open(directory, tables: [spent], changelog: changelog)
    try addUp(numbers, in: store)
  }
  changelog.loseProcess()
  let store = try StateStore.open(directory, tables: [spent], changelog: changelog.reopened())
  defer { try? store.close() }
  return try store.snapshot().get("sum", in: spent)
}

/// The machine loses power: commits that weren't durable are gone from the changelog, too.
func positionAfterPowerLoss(
  _ numbers: [Int64], _ durability: Durability, in directory: String
) throws -> Position {
  let changelog = InMemoryChangelog(durability: durability)
  do {
    let store = try StateStore.open(directory, tables: [spent], changelog: changelog)
    try addUp(numbers, in: store)
  }
  changelog.losePower()
  let store = try StateStore.open(directory, tables: [spent], changelog: changelog.reopened())
  defer { try? store.close() }
  return try store.snapshot().position
}

/// The changelog fails: first it refuses an append, then it can't tell whether one was appended.
func kindsOfFailedCommits(in directory: String) throws -> [StoreError.Kind] {
  let changelog = RecordingChangelog(InMemoryChangelog())
  let store = try StateStore.open(directory, tables: [spent], changelog: changelog)
  var transaction = try store.begin()
  try transaction.put("anna", 1, in: spent)
  var kinds: [StoreError.Kind] = []

  var faults = RecordingChangelog.Faults()
  faults.append = StoreError(.unavailable, "no answer")
  changelog.setFaults(faults)
  do { try transaction.commit() } catch { kinds.append(error.kind) }

  faults = RecordingChangelog.Faults()
  faults.appended = StoreError(.commitUnknown, "no answer")
  changelog.setFaults(faults)
  do { try transaction.commit() } catch { kinds.append(error.kind) }
  do { try transaction.put("bert", 1, in: spent) } catch { kinds.append(error.kind) }
  return kinds
}

/// What a store asked of its changelog, in order.
func eventsOfOneCommit(in directory: String) throws -> [RecordingChangelog.Event] {
  let changelog = RecordingChangelog(InMemoryChangelog())
  let store = try StateStore.open(directory, tables: [spent], changelog: changelog)
  changelog.forgetEvents()
  try store.write { try $0.put("anna", 1, in: spent) }
  try store.flush()
  return changelog.events
}

/// A changelog of your own keeps the promises of every changelog.
func checkFileLog(in directory: String) throws {
  let options = FileLogOptions(segmentBytes: 4 << 10, maxCommitBytes: 64 << 10)
  var number: Int32 = 0
  let conformance = ChangelogConformance(maxCommitBytes: options.maxCommitBytes) {
    number += 1
    return try FileLog.open(directory, TopicPartition("log", number), options: options)
  } reopen: { log in
    try FileLog.open(directory, log.identity.topicPartition, options: options)
  }
  try conformance.checkAll()
}

/// Random changes to a store and to the model: both must show the same rows.
func agreesWithModel(steps: Int, using random: inout some RandomNumberGenerator, in directory: String) throws -> Bool {
  let bytes = Table("bytes", key: .bytes, value: .bytes)
  let store = try StateStore.open(directory, tables: [bytes], changelog: InMemoryChangelog())
  var model = ModelStore(tables: ["bytes"])
  var transaction = try store.begin()
  for _ in 0..<steps {
    let key = [UInt8.random(in: 0..<20, using: &random)]
    switch Int.random(in: 0..<10, using: &random) {
    case 0:
      try transaction.commit()
      model.commit()
    case 1:
      transaction.abort()
      model.abort()
    case 2...4:
      try transaction.delete(key, in: bytes)
      model.delete(key, in: "bytes")
    default:
      let value = [UInt8.random(in: 0...255, using: &random)]
      try transaction.put(key, value, in: bytes)
      model.put(key, value, in: "bytes")
    }
  }
  var rows = try store.snapshot().scan(bytes)
  for expected in model.committed["bytes"].scan(.all) {
    guard let row = try rows.next(), row.key == expected.key, row.value == expected.value else { return false }
  }
  return try rows.next() == nil
}

/// A random test whose failure can be repeated.
func agreesWithModel(in directory: String) throws -> Bool {
  var random = SeededGenerator()
  return try agreesWithModel(steps: 200, using: &random, in: directory)
}

let lists = Table("lists", key: .string, value: .list(.int64))

/// A transaction that appends a number to two lists, recorded.
func append(_ number: Int, in store: StateStore, _ recorder: HistoryRecorder) throws {
  var operation = HistoryOperation(.transaction, process: 0, begin: recorder.tick(), end: 0)
  try store.write { transaction in
    for key in ["left", "right"] {
      try transaction.update(key, in: lists) { $0 = ($0 ?? []) + [Int64(number)] }
      operation.actions.append(.append(number, to: HistoryKey("lists", key)))
    }
  }
  operation.end = recorder.tick()
  recorder.add(operation)
}

/// A snapshot of both lists, recorded.
func look(at store: StateStore, process: Int, _ recorder: HistoryRecorder) throws {
  var operation = HistoryOperation(.snapshot, process: process, begin: recorder.tick(), end: 0)
  let view = try store.snapshot()
  operation.end = recorder.tick()
  for key in ["left", "right"] {
    let numbers = try view.get(key, in: lists) ?? []
    operation.actions.append(.read(HistoryKey("lists", key), numbers.map { Int($0) }))
  }
  recorder.add(operation)
}
