extension FileLogWriter {
  /// Makes everything appended so far survive a loss of power.
  ///
  /// A sync that fails isn't tried again as if nothing had happened: the tail is rewritten into another segment.
  @discardableResult
  package func sync() throws(StoreError) -> Offset {
    let recoveryPointBytes = 16 << 20
    let due = state.withLock { $0.bytesSinceRecoveryPoint >= recoveryPointBytes }
    let durable = try sync(recordingPoint: due)
    state.withLock { $0.segment }.index.flush()
    return durable
  }

  /// Syncs what isn't durable yet.
  ///
  /// Callers at the same time share one sync, or wait for the next.
  @discardableResult
  func sync(recordingPoint: Bool) throws(StoreError) -> Offset {
    let target = try state.withLock { (state) throws(StoreError) in
      try Self.checkUsable(state)
      return state.endOffset
    }
    let claimed = try state.wait(until: {
      !$0.syncing || $0.failure != nil || ($0.durableOffset >= target && !recordingPoint)
    }) { (state) throws(StoreError) -> State? in
      try Self.checkUsable(state)
      let isDone = state.durableOffset >= target && (!recordingPoint || state.recoveryPoint >= target)
      if isDone { return nil }
      state.syncing = true
      state.oldestSinceSync = nil
      return state
    }
    guard let claimed else { return durableOffset }
    defer {
      state.withLock { $0.syncing = false }
      state.wake()
    }
    do throws(StoreError) {
      if claimed.durableOffset < claimed.endOffset { try syncFile(claimed) }
      if recordingPoint { try checkOwnership() }
    } catch {
      state.withLock { $0.failure = error }
      throw error
    }
    if recordingPoint { recordPoint() }
    return durableOffset
  }

  /// Throws `fenced` if another writer took the log over, or may do so: the lock file is not the one that is locked.
  func checkOwnership() throws(StoreError) {
    try writerEpoch.check()
    guard let lock = state.withLock({ $0.lock }), try lock.isStill(at: directory.lockPath) else {
      throw writerEpoch.fencedError
    }
  }

  /// Runs `body`, which changes names in the directory, while nobody can take the log over.
  func whileWriting<R>(_ body: () throws(StoreError) -> R) throws(StoreError) -> R {
    try checkOwnership()
    return try writerEpoch.whileCurrent(body)
  }

  /// Writes the recovery point.
  ///
  /// It supplements what batches and segments tell, and spares recovery work, so a failure is not one of the sync.
  private func recordPoint() {
    let durable = durableOffset
    do throws(StoreError) {
      try whileWriting { () throws(StoreError) in try directory.recordRecoveryPoint(durable.value) }
    } catch {
      return
    }
    state.withLock {
      $0.recoveryPoint = durable
      $0.bytesSinceRecoveryPoint = 0
    }
  }

  /// Syncs the segment as it was when `syncing` was claimed; on failure rewrites the tail.
  private func syncFile(_ claimed: State) throws(StoreError) {
    do throws(StoreError) {
      try claimed.segment.file.sync()
    } catch {
      try checkOwnership()
      state.wait(until: { !$0.appending }) { $0.rewriting = true }
      var failure: StoreError?
      do throws(StoreError) {
        try rewriteTail()
      } catch {
        failure =
          error.kind == .fenced
          ? error
          : StoreError(
            .commitUnknown, "a sync failed and the tail can't be rewritten; reopen the store",
            ["file": claimed.segment.path, "durable offset": claimed.durableOffset], cause: error)
      }
      // At once, so that no append comes between.
      state.withLock {
        $0.rewriting = false
        $0.failure = failure
      }
      if let failure { throw failure }
      return
    }
    // Looked at afterwards: what a deposed writer made durable doesn't count.
    try checkOwnership()
    state.withLock {
      $0.durableOffset = max($0.durableOffset, claimed.endOffset)
      $0.durablePosition = max($0.durablePosition, claimed.position)
      $0.oldestUnsynced = $0.oldestSinceSync
    }
  }

  /// Writes the commits that aren't durable into a new segment and goes on there.
  ///
  /// The tail is read back and checked first, because after a failed sync the system may have dropped it. Appends wait.
  private func rewriteTail() throws(StoreError) {
    let before = state.withLock { $0 }
    let storage = directory.storage
    let base = before.durableOffset
    let temporary = directory.path(base.value, "log") + ".rewrite.tmp"
    guard let file = try storage.open(temporary, .replace) else {
      throw StoreError(.inputOutput, "a segment can't be created", ["file": temporary])
    }
    var scanner = SegmentScanner(before.segment.file, before.segment.path, at: before.durablePosition)
    var expected = base
    var receipt: Receipt?
    var position = 0
    while expected < before.endOffset {
      guard case .batch = try scanner.next(), let commit = try? CommitBatch(scanner.batch),
        commit.baseOffset == expected, receipt == nil || commit.previousReceipt == receipt
      else {
        throw StoreError(
          .corrupted, "what was appended can't be read back",
          ["file": before.segment.path, "position": scanner.position, "offset": expected])
      }
      try file.writeAll(scanner.batch.bytes, at: position)
      receipt = commit.receipt
      expected = commit.endOffset
      position += commit.header.totalBytes
    }
    guard expected == before.endOffset, receipt == before.lastReceipt else {
      throw StoreError(.corrupted, "what was appended can't be read back", ["file": before.segment.path])
    }
    try file.sync()
    let path = directory.path(base.value, "log")
    try whileWriting { () throws(StoreError) in
      try storage.rename(temporary, to: path)
      try storage.syncDirectory(directory.path)
    }

    before.segment.index.flush(closing: true)
    let index = try directory.buildIndex(
      ofSegment: base.value, limit: nil, intervalBytes: options.indexIntervalBytes)
    let length = position
    state.withLock {
      $0.segment = ActiveSegment(base: base, path: path, file: file, index: index)
      $0.position = length
      $0.durablePosition = length
      $0.durableOffset = before.endOffset
      $0.oldestUnsynced = nil
    }
  }
}
