internal import Changelog
internal import Tidemark
internal import TidemarkTesting

extension World {
  /// Performs an action; throws a ``Violation``, or an error that a failing disk causes.
  func perform(_ action: Action) throws {
    switch action {
    case .commit(let records, let valueBytes):
      guard let store else { return }
      try commit(records, valueBytes, to: store, \.main, isDurable: settings.durability == .sync)
    case .commitLocally(let records, let valueBytes):
      guard let local else { return }
      try commit(records, valueBytes, to: local, \.local, isDurable: true)
    case .abort(let records):
      guard let store else { return }
      var transaction = try store.begin()
      var state = promise.main.states[promise.main.acknowledged]
      try change(records, 40, number: promise.main.acknowledged + 1, &transaction, &state)
      transaction.abort()
    case .read: try read()
    case .flush:
      guard let store else { return }
      try store.flush()
      let stored = try store.info().storedOffset
      note {
        $0.main.durable = $0.main.acknowledged
        $0.main.stored = stored
      }
    case .upgrade: try upgrade()
    case .flushLocally:
      guard let local else { return }
      try local.flush()
    case .checkpoint: try takeCheckpoint()
    case .deleteChangelog: try deleteChangelog()
    case .reopen:
      try closeMain()
      try openMain()
    case .reopenLocally:
      let local = local
      self.local = nil
      try local?.close()
      try openLocal()
    case .rebuild:
      guard store != nil else { return }
      try closeMain()
      try setAside()
      try openMain()
    case .restorePast: try restorePast()
    case .fork: try fork()
    }
  }

  /// An upgrade appends a commit of its own, so the state after the last commit has another offset afterwards.
  private func upgrade() throws {
    guard let store else { return }
    let number = promise.main.acknowledged
    note { $0.main.states[number].offset = nil }
    try store.upgrade()
    let info = try store.info()
    note {
      $0.main.states[number].offset = info.committedOffset
      $0.main.durable = number
      $0.main.stored = info.storedOffset
    }
    try expect(info.formatVersion == .latest, "an upgraded store is of version \(info.formatVersion)")
  }

  /// Makes the next open restore the store, which is closed.
  func setAside() throws {
    note {
      $0.isBeingSetAside = true
      $0.main.stored = .zero
    }
    _ = try StateStore.setAside(root + "/store", disk.fileSystem)
  }

  private func closeMain() throws {
    let store = store
    (self.store, log) = (nil, nil)
    try store?.close()
    note { $0.main.durable = $0.main.acknowledged }
  }

  // MARK: Commits

  private func commit(
    _ records: Int, _ valueBytes: Int, to store: StateStore, _ which: WritableKeyPath<Promise, StorePromise>,
    isDurable: Bool
  ) throws {
    let number = promise[keyPath: which].acknowledged + 1
    var state = promise[keyPath: which].states[number - 1]
    state.offset = nil
    var transaction = try store.begin()
    try change(records, valueBytes, number: number, &transaction, &state)
    let isStaged = number < promise[keyPath: which].states.count
    let begun = state
    note {
      if isStaged { $0[keyPath: which].states.removeLast() }
      $0[keyPath: which].states.append(begun)
      $0[keyPath: which].begun = number
    }
    do throws(StoreError) {
      try transaction.commit([Self.input: Offset(Int64(number))])
    } catch {
      // After any other error only a reopen shows whether the commit exists.
      if [.unavailable, .outOfSpace, .tooLarge, .overBudget].contains(error.kind) {
        note { $0[keyPath: which].begun = number - 1 }
      }
      throw error
    }
    let offset = try store.snapshot().offset
    note {
      $0[keyPath: which].acknowledged = number
      $0[keyPath: which].states[number].offset = offset
      if isDurable { $0[keyPath: which].durable = number }
    }
  }

  /// Makes the changes of a commit, which follow from its number.
  private func change(
    _ records: Int, _ valueBytes: Int, number: Int, _ transaction: inout Transaction, _ state: inout ExpectedState
  ) throws {
    var random = SeededGenerator(seed: UInt64(number) &* 7919 &+ UInt64(records))
    for _ in 0..<records {
      let index = Int.random(in: 0..<Action.tableCount, using: &random)
      let key = Array("key-\(Int.random(in: 0..<150, using: &random))".utf8)
      if Int.random(in: 0..<5, using: &random) == 0 {
        try transaction.delete(key, in: Self.tables[index])
        state.tables[index][key] = nil
      } else {
        let value = Array("\(number):".utf8) + (0..<valueBytes).map { UInt8(truncatingIfNeeded: $0 ^ number) }
        try transaction.put(key, value, in: Self.tables[index])
        state.tables[index][key] = value
      }
    }
    let time = Timestamp(Int64(number) * 1000)
    transaction.advance(streamTime: time)
    state.streamTime = time
  }

  private func read() throws {
    guard let store else { return }
    try check(store, promise.main, "the store")
    var transaction = try store.begin()
    defer { transaction.abort() }
    var state = promise.main.states[promise.main.acknowledged]
    try change(20, 10, number: promise.main.acknowledged + 1, &transaction, &state)
    for (table, expected) in zip(Self.tables, state.tables) {
      var keys: [[UInt8]] = []
      var cursor = try transaction.scan(table, .all, .descending)
      while let (key, value) = try cursor.next() {
        try expect(expected[key] == value, "a transaction's scan shows another value")
        keys.append(key)
      }
      try expect(
        keys == expected.keys.sorted { $1.lexicographicallyPrecedes($0) }, "a transaction's scan shows other keys")
    }
    try check(store, promise.main, "the store beside a transaction")
  }

  // MARK: Copies

  private func path(_ kind: String, _ number: Int) -> String { "\(kind)/\(number)" }

  private func takeCheckpoint() throws {
    guard let store else { return }
    // A crash may have left an unacknowledged checkpoint under its final name; it is as good as any other.
    while try POSIXStorage().kind(of: root + "/" + path("checkpoints", promise.begunCheckpoints)) != nil {
      note { $0.begunCheckpoints += 1 }
    }
    let path = path("checkpoints", promise.begunCheckpoints)
    try disk.storage.makeDirectory(root + "/checkpoints")
    let checkpoint = try store.checkpoint(to: root + "/" + path)
    try expect(
      checkpoint.offset == promise.main.states[promise.main.acknowledged].offset ?? .zero,
      "a checkpoint is of \(checkpoint.offset), not of the last commit")
    note {
      $0.checkpoints[path] = checkpoint.offset
      $0.begunCheckpoints += 1
      $0.main.durable = $0.main.acknowledged
    }
  }

  /// The last checkpoint of the store.
  private var lastCheckpoint: (path: String, offset: Offset)? {
    promise.checkpoints.filter { $0.key.hasPrefix("checkpoints/") }.max { $0.value < $1.value }
      .map { ($0.key, $0.value) }
  }

  private func deleteChangelog() throws {
    guard let store, let last = lastCheckpoint else { return }
    let start = try store.deleteChangelog(coveredBy: root + "/" + last.path)
    try expect(start <= last.offset, "the changelog was deleted beyond the checkpoint: it starts at \(start)")
  }

  private func restorePast() throws {
    guard let log else { return }
    let (start, durable) = (try log.offsets().start, try log.offsets().durable)
    let known = promise.main.states[...promise.main.durable].compactMap(\.offset).filter {
      $0 > start && $0 <= durable
    }
    guard !known.isEmpty else { return }
    while try POSIXStorage().kind(of: root + "/" + path("past", promise.begunPasts)) != nil {
      note { $0.begunPasts += 1 }
    }
    let path = path("past", promise.begunPasts)
    let offset = known[known.count / 2]
    let bases = promise.checkpoints.filter { $0.key.hasPrefix("checkpoints/") && (start...offset).contains($0.value) }
    let base = try bases.max { $0.value < $1.value }.map {
      try Checkpoint.verified(root + "/" + $0.key, disk.fileSystem)
    }
    if start > .zero, base == nil { return }
    try disk.storage.makeDirectory(root + "/past")
    let past = try StateStore.restore(
      to: root + "/" + path, from: log, upTo: .offset(offset), startingFrom: base, options: storeOptions)
    try expect(past.offset == offset, "a state of the past is of \(past.offset), not of \(offset)")
    if start == .zero {
      let image = try StoredImage(of: root + "/" + path)
      try expect(try image.isReplay(of: log), "a state of the past isn't the replay")
    }
    note {
      $0.checkpoints[path] = offset
      $0.begunPasts += 1
    }
  }

  private func fork() throws {
    guard let log, let last = lastCheckpoint, let commit = promise.main.commit(at: last.offset), commit > 1 else {
      return
    }
    // A fork begins with a commit, so the changelog must still hold the one before it.
    guard try log.offsets().start < last.offset else { return }
    let number = promise.begunForks
    note { $0.begunForks += 1 }
    let directory = root + "/forks/\(number)"
    let checkpoint = try Checkpoint.verified(root + "/" + last.path, disk.fileSystem)
    let forked = try log.fork(to: directory, TopicPartition("fork", 0), at: checkpoint.offset)
    let copy = try checkpoint.fork(to: directory + "/checkpoint", changelog: forked, options: storeOptions)
    try copy.copy(to: directory + "/store")
    let store = try StateStore.open(
      directory + "/store", tables: Self.tables, changelog: forked, options: storeOptions)
    var expected = StorePromise()
    expected.states = Array(promise.main.states[...commit])
    (expected.begun, expected.acknowledged) = (commit, commit)
    try check(store, expected, "the fork")
    try store.write([Self.input: Offset(Int64(commit + 1))]) { try $0.put([1], [2], in: Self.tables[0]) }
    try store.close()
  }
}
