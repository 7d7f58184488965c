internal import Changelog
internal import Tidemark
internal import TidemarkTesting

/// The whole state of a stream processor below one directory, and the promises about it.
///
/// ```
/// ROOT/log/state-0/      the changelog
/// ROOT/store/            its store
/// ROOT/local/            a store without a changelog
/// ROOT/checkpoints/N/    checkpoints of the store
/// ROOT/past/N/           states of the past
/// ROOT/forks/N/          forks: a changelog, a checkpoint and a store
/// ```
final class World {
  /// How its stores are kept.
  struct Settings: Sendable {
    var durability = Durability.sync
    var segmentBytes = 12_000
    var waitingBytes = 16_000

    /// Any.
    static func random(using random: inout some RandomNumberGenerator) -> Settings {
      Settings(
        durability: [.sync, .os, .interval(.milliseconds(1))].randomElement(using: &random)!,
        segmentBytes: [3000, 12_000, 60_000].randomElement(using: &random)!,
        waitingBytes: [0, 2000, 16_000, 200_000].randomElement(using: &random)!)
    }
  }

  static let input = TopicPartition("input", 0)
  static let tables = (0..<Action.tableCount).map { Table("table\($0)", key: .bytes, value: .bytes) }

  let root: String
  let disk: Disk
  let settings: Settings
  /// The promises that hold now.
  private(set) var promise: Promise
  /// The promises by step of the disk's trace; a thread that crashes the world reads them.
  let promises: Promises
  var log: FileLog?
  var store: StateStore?
  var local: StateStore?

  init(_ root: String, _ disk: Disk, _ settings: Settings, _ promise: Promise = Promise()) {
    self.root = root
    self.disk = disk
    self.settings = settings
    self.promise = promise
    promises = Promises(disk.stepCount, promise)
  }

  /// Changes the promises from here on.
  func note(_ change: (inout Promise) -> Void) {
    change(&promise)
    promises.add(disk.stepCount, promise)
  }

  var storeOptions: StoreOptions {
    var options = StoreOptions()
    options.fileSystem = disk.fileSystem
    options.waitingBytes = settings.waitingBytes
    options.storedLagTime = .seconds(3600)
    options.columnFamilyOptions = ["level0_file_num_compaction_trigger": "3"]
    // On a disk in memory, each preallocated file would take MiBs; the text log takes a tenth of the time.
    options.databaseOptions = ["allow_fallocate": "false", "info_log_level": "FATAL_LEVEL"]
    return options
  }

  func openLog(_ parent: String, _ partition: TopicPartition = TopicPartition("state", 0)) throws -> FileLog {
    let options = FileLogOptions(
      durability: settings.durability, segmentBytes: settings.segmentBytes, indexIntervalBytes: 2000)
    return try FileLog.open(root + "/" + parent, partition, options: options, storage: disk.storage)
  }

  // MARK: Opening and closing

  func open() throws {
    try openMain()
    try openLocal()
  }

  func openMain() throws {
    let log = try openLog("log")
    self.log = log
    do {
      try openStore(log)
    } catch let error as StoreError where error.kind == .corrupted && promise.isBeingSetAside {
      // The error says to repeat an interrupted set-aside.
      _ = try StateStore.setAside(root + "/store", disk.fileSystem)
      try openStore(log)
    }
    if promise.isBeingSetAside { note { $0.isBeingSetAside = false } }
  }

  private func openStore(_ log: FileLog) throws {
    var start: Offset?
    let store = try StateStore.open(root + "/store", tables: Self.tables, changelog: log, options: storeOptions) {
      if start == nil { start = $0.startOffset }
    }
    self.store = store
    let info = try store.info()
    try expect(
      start ?? info.committedOffset >= promise.main.stored || promise.isBeingSetAside,
      "recovery began at \(start ?? info.committedOffset), but \(promise.main.stored) was in table files")
    try expect(info.epoch > promise.epoch, "the writer's epoch is \(info.epoch) after \(promise.epoch)")
    let committed = try check(store, promise.main, "the store")
    let begin = try log.offsets().start
    if begin > .zero {
      try expect(
        promise.checkpoints.values.contains { $0 >= begin }, "the changelog was deleted below \(begin), unprotected")
    }
    note {
      $0.epoch = info.epoch
      // Opening makes the whole log durable.
      $0.main.settle(at: committed, info.committedOffset)
      $0.main.stored = info.storedOffset
    }
  }

  func openLocal() throws {
    let local = try StateStore.open(root + "/local", tables: Self.tables, options: storeOptions)
    self.local = local
    let committed = try check(local, promise.local, "the local store")
    note { $0.local.settle(at: committed, nil) }
  }

  /// Closes everything that is open, and then throws the first error.
  func close() throws {
    let (store, local) = (store, local)
    letGo()
    do { try store?.close() } catch {
      try? local?.close()
      throw error
    }
    try local?.close()
  }

  /// Drops all objects without closing them.
  func letGo() { (log, store, local) = (nil, nil, nil) }

  // MARK: Checks

  func expect(_ holds: Bool, _ what: @autoclosure () -> String) throws {
    if !holds { throw Violation(what()) }
  }

  /// Compares the whole contents of a store with the state after the commit that it shows; returns the commit's number.
  @discardableResult
  func check(_ store: StateStore, _ promise: StorePromise, _ name: String) throws -> Int {
    let snapshot = try store.snapshot()
    let commit = Int(snapshot.position[Self.input]?.value ?? 0)
    try expect(commit >= promise.acknowledged, "\(name) shows commit \(commit), \(promise.acknowledged) was promised")
    try expect(commit <= promise.begun, "\(name) shows commit \(commit), only \(promise.begun) were begun")
    let state = promise.states[commit]
    try expect(snapshot.streamTime == state.streamTime, "\(name): the stream time isn't that of commit \(commit)")
    if let offset = state.offset {
      try expect(snapshot.offset == offset, "\(name): offset \(snapshot.offset), commit \(commit) had \(offset)")
    }
    for (table, expected) in zip(Self.tables, state.tables) {
      var rows: ExpectedState.Rows = [:]
      var cursor = try snapshot.scan(table)
      while let (key, value) = try cursor.next() { rows[key] = value }
      try expect(
        rows == expected,
        "\(name): \(table.name) has \(rows.count) rows, commit \(commit) had \(expected.count)"
          + " (\(rows.filter { expected[$0.key] != $0.value }.count) differ)")
    }
    return commit
  }

  /// Checks that the table files alone equal the replay of the changelog up to the stored offset.
  func checkStoredImage() throws {
    guard !promise.isBeingSetAside else { return }
    let image: StoredImage
    do { image = try StoredImage(of: root + "/store") } catch let error as StoreError
      where error.kind == .invalidArgument
    { return }
    let log = try openLog("log")
    guard try log.offsets().start == .zero else { return }
    try expect(try image.isReplay(of: log), "table files aren't the replay up to \(image.offset)")
  }

  /// Checks that every directory named as a checkpoint is one, and that all promised checkpoints exist.
  func checkCheckpoints() throws {
    for parent in ["checkpoints", "past"] {
      let directory = root + "/" + parent
      for name in try POSIXStorage().list(directory) ?? [] where !name.contains(".") {
        let checkpoint = try Checkpoint.verified(directory + "/" + name, disk.fileSystem)
        if let offset = promise.checkpoints["\(parent)/\(name)"] {
          try expect(checkpoint.offset == offset, "\(parent)/\(name) is of \(checkpoint.offset), not \(offset)")
        }
      }
    }
    for path in promise.checkpoints.keys {
      try expect(try POSIXStorage().kind(of: root + "/" + path) == .directory, "\(path) is gone")
    }
  }

  /// Checks that the store is exactly the replay of its changelog.
  func verify() throws {
    guard let store else { return }
    // Removes the leftovers of a replay that a crash interrupted.
    try disk.storage.removeTree(root + "/scratch")
    let report = try store.verify(in: root + "/scratch")
    try expect(report.agrees, "\(report.differenceCount) rows differ from the replay of the changelog")
  }
}

extension StorePromise {
  /// Records that the store was opened and shows this commit, which is therefore durable.
  mutating func settle(at commit: Int, _ offset: Offset?) {
    if let offset { states[commit].offset = offset }
    states.removeLast(states.count - commit - 1)
    (begun, acknowledged, durable) = (commit, commit, commit)
  }
}
