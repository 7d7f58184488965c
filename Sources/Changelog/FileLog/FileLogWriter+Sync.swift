extension FileLogWriter {
  /// Makes everything appended so far survive a loss of power.
  ///
  /// A sync that fails isn't tried again as if nothing had happened: the tail is rewritten into another segment.
  @discardableResult
  package func sync() throws(StoreError) -> Offset {
    let recoveryPointBytes = 16 << 20
    let due = state.withLock { $0.log.bytesSinceRecoveryPoint >= recoveryPointBytes }
    let durable = try sync(recordingPoint: due)
    state.withLock { $0.segment }.index.flush()
    return durable
  }

  /// Syncs what isn't durable yet.
  ///
  /// Callers at the same time share one sync, or wait for the next.
  @discardableResult
  func sync(
    recordingPoint: Bool, for caller: LogWriterState.SyncCaller = .caller
  ) throws(StoreError) -> Offset {
    let target = endOffset
    var step = LogWriterState.SyncStep.wait
    let segment = state.wait(until: { state in
      step = state.log.beginSync(target, recordingPoint: recordingPoint)
      return step != .wait
    }) { $0.segment }
    switch step {
    case .wait, .done: break
    case .refused(let error): throw error
    case .sync(let range):
      var failure: StoreError?
      do throws(StoreError) {
        if !range.isEmpty { try syncFile(segment, range) }
        if recordingPoint {
          try checkOwnership()
          recordPoint()
        }
      } catch {
        failure = error
      }
      state.withLock { $0.log.endSync(failure, for: caller) }
      state.wake()
      if let failure { throw failure }
    }
    return durableOffset
  }

  /// Throws `fenced` if another writer took the log over, or may do so: the lock file is not the one that is locked.
  func checkOwnership() throws(StoreError) {
    try writerEpoch.check()
    guard let lock = state.withLock({ $0.lock }), try lock.isStill(at: directory.lockPath) else {
      throw writerEpoch.fencedError
    }
  }

  /// Runs `body`, which changes names in the directory, while no other writer can take the log over.
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
    state.withLock { $0.log.recorded(durable) }
  }

  /// Syncs the segment as it was when `syncing` was claimed; on failure rewrites the tail.
  private func syncFile(_ segment: ActiveSegment, _ range: LogWriterState.SyncRange) throws(StoreError) {
    do throws(StoreError) {
      try segment.file.sync()
    } catch {
      try checkOwnership()
      state.wait(until: { $0.log.beginRewrite() }) { _ in }
      do throws(StoreError) {
        try rewriteTail()
      } catch {
        if error.kind == .fenced { throw error }
        throw StoreError(
          .commitUnknown, "a sync failed and the tail can't be rewritten; reopen the store",
          ["file": segment.path, "durable offset": range.durableOffset], cause: error)
      }
      return
    }
    // Looked at afterwards: what a deposed writer made durable doesn't count.
    try checkOwnership()
    state.withLock { $0.log.synced(range) }
  }

  /// Writes the commits that aren't durable into a new segment and goes on there.
  ///
  /// The tail is read back and checked first, because after a failed sync the system may have dropped it. Appends wait.
  private func rewriteTail() throws(StoreError) {
    let (before, segment) = state.withLock { ($0.log, $0.segment) }
    let storage = directory.storage
    let base = before.durableOffset
    let temporary = directory.path(base.value, "log") + ".rewrite.tmp"
    guard let file = try storage.open(temporary, .replace) else {
      throw StoreError(.inputOutput, "a segment can't be created", ["file": temporary])
    }
    var scanner = SegmentScanner(segment.file, segment.path, at: before.durablePosition)
    var expected = base
    var receipt: Receipt?
    var position = 0
    while expected < before.endOffset {
      guard case .batch = try scanner.next(), let commit = try? CommitBatch(scanner.batch),
        commit.baseOffset == expected, receipt == nil || commit.previousReceipt == receipt
      else {
        throw StoreError(
          .corrupted, "an appended commit can't be read back",
          ["file": segment.path, "position": scanner.position, "offset": expected])
      }
      try file.writeAll(scanner.batch.bytes, at: position)
      receipt = commit.receipt
      expected = commit.endOffset
      position += commit.header.totalBytes
    }
    guard expected == before.endOffset, receipt == before.lastReceipt else {
      throw StoreError(.corrupted, "an appended commit can't be read back", ["file": segment.path])
    }
    try file.sync()
    let path = directory.path(base.value, "log")
    try whileWriting { () throws(StoreError) in
      try storage.rename(temporary, to: path)
      try storage.syncDirectory(directory.path)
    }

    segment.index.flush(closing: true)
    let index = try directory.buildIndex(
      ofSegment: base.value, limit: nil, intervalBytes: options.indexIntervalBytes)
    let length = position
    state.withLock {
      $0.segment = ActiveSegment(base: base, path: path, file: file, index: index)
      $0.log.rewrote(base: base, byteCount: length)
    }
  }
}
