internal import Changelog

/// The writers of a changelog, and its contents after them.
extension ConformanceCheck {
  func oneWriter() throws {
    let log = try make()
    let first = try log.openWriter()
    try append([1], to: first)
    let second: any ChangelogWriter
    do {
      second = try reopen(log).openWriter()
    } catch let error as StoreError {
      try expect(error.kind == .locked, "a second writer: locked expected, \(error) thrown")
      try append([2], to: first)
      return
    }
    try fails(.fenced, "append of a deposed writer") { try append([2], to: first) }
    try expect(second.epoch > first.epoch, "the second writer's epoch isn't greater")
    try equal(try readAll(log).count, 1, "commits after the first writer was fenced")
  }

  func sizeLimit() throws {
    let log = try make()
    let writer = try log.openWriter()
    let first = try append([1], to: writer)[0]
    var large = Commit()
    let value = [UInt8](repeating: 7, count: conformance.maxCommitBytes + 1)
    large.records.append(TableID(1), key: RawSpan(), value: value.rawSpan)
    do {
      _ = try writer.append(large)
      throw violation("a commit that is too large was taken")
    } catch let error as StoreError {
      try expect(error.kind == .tooLarge, "a commit that is too large: tooLarge expected, \(error) thrown")
    }
    try equal(writer.endOffset, first.endOffset, "end after a commit that was refused")
    try append([2], to: writer)
    try equal(try readAll(log).map(\.sample), [Sample(1), Sample(2)], "commits")
    try writer.close()
  }

  func emptyCommits() throws {
    let log = try make()
    let writer = try log.openWriter()
    let position: Position = [TopicPartition("in", 3): 17]
    let appended = try writer.append(Commit(position: position))
    try expect(appended.endOffset > appended.baseOffset, "an empty commit has no place")
    let read = try readAll(log)
    try equal(read.map(\.sample.position), [position], "position of an empty commit")
    try equal(read.map(\.sample.records.count), [0], "records of an empty commit")
    try writer.close()
  }

  func closing() throws {
    let writer = try make().openWriter()
    try writer.close()
    try fails(.closed, "append to a closed writer") { try append([0], to: writer) }
    try fails(.closed, "sync of a closed writer") { try writer.sync() }
  }

  func reopening() throws {
    let log = try make()
    var epochs: [Int32] = []
    var receipt = Receipt(startOf: log.identity)
    var end = Offset.zero
    for round in 0..<4 {
      let opened = try reopen(log)
      try equal(opened.identity, log.identity, "identity")
      let writer = try opened.openWriter()
      epochs.append(writer.epoch)
      try equal(writer.lastReceipt, receipt, "last receipt after opening again")
      try equal(writer.endOffset, end, "end after opening again")
      // The second writer appends nothing.
      if round != 1 { try append(round * 3..<round * 3 + 3, to: writer) }
      receipt = writer.lastReceipt
      end = writer.endOffset
      try writer.close()
    }
    try expect(epochs == epochs.sorted() && Set(epochs).count == epochs.count, "epochs don't grow: \(epochs)")
    try equal(try readAll(log).count, 9, "commits of all writers")
    let offsets = try reopen(log).offsets()
    try equal(offsets, ChangelogOffsets(start: 0, durable: end, end: end), "offsets after closing")
  }

  func recovery() throws {
    let log = try make()
    let first = try log.openWriter()
    try equal(first.recovery.cut, nil, "what was cut of an empty changelog")
    try append(0..<5, to: first)
    let end = first.endOffset
    try first.close()
    let second = try reopen(log).openWriter()
    try equal(second.recovery.cut, nil, "what was cut of a changelog that was closed")
    try second.close()
    guard let tear = conformance.tear else { return }
    try tear(log)
    let third = try reopen(log).openWriter()
    guard let cut = third.recovery.cut else { throw violation("a torn end was cut, and not reported") }
    try equal(cut.offset, end, "the offset of a torn end")
    try expect(cut.byteCount > 0 && !cut.place.isEmpty, "the cut says neither how much nor where: \(cut)")
    try equal(third.endOffset, end, "the end after a torn one was cut")
    try append([5], to: third)
    try equal(try readAll(log).map(\.sample), (0..<6).map(Sample.init), "commits after a torn end was cut")
    try third.close()
  }

  func deletion() throws {
    let log = try make()
    let writer = try log.openWriter()
    let appended = try append(0..<40, to: writer)
    let kept = appended[24]
    let start = try log.deleteCommits(below: kept.endOffset)
    try equal(try log.offsets().start, start, "start after deletion")
    try expect(start <= kept.baseOffset, "deletion took the commit that ends at the offset")
    try equal(try log.receipt(endingAt: kept.endOffset), kept.receipt, "receipt of the commit that was kept")
    try equal(try readAll(log, from: kept.baseOffset).count, 16, "commits kept")
    try equal(try readAll(log, from: start).last?.receipt, appended[39].receipt, "last receipt")
    if start > 0 {
      try fails(.invalidArgument, "reading what was deleted") { _ = try readAll(log, from: 0) }
    }
    try fails(.invalidArgument, "deletion beyond the end") {
      _ = try log.deleteCommits(below: writer.endOffset.advanced(by: 1))
    }
    try writer.close()
    let again = try reopen(log).openWriter()
    try equal(again.lastReceipt, appended[39].receipt, "last receipt after deletion and opening again")
    try again.close()
  }

  func capabilities() throws {
    let log = try make()
    let capabilities = log.capabilities
    try expect(
      !capabilities.contains([.isCompacted, .verifiesHistory]),
      "a compacted changelog can't verify its history: \(capabilities)")
    let writer = try log.openWriter()
    let appended = try append(0..<50, to: writer)
    try writer.sync()
    try equal(log.capabilities, capabilities, "capabilities after commits")
    if capabilities.contains(.keepsHistory) {
      try equal(try log.offsets().start, 0, "start of a changelog that keeps its history")
      try equal(try log.commits().count, 50, "commits of a changelog that keeps its history")
    }
    if capabilities.contains(.verifiesHistory) {
      try equal(try log.receipt(endingAt: appended[0].endOffset), appended[0].receipt, "receipt of the first commit")
    }
    try writer.close()
    try equal(try reopen(log).capabilities, capabilities, "capabilities after opening again")
  }

  func outputs() throws {
    let log = try make()
    let writer = try log.openWriter()
    try append([1], to: writer)
    for isGroup in [false, true] {
      let end = writer.endOffset
      let count = try readAll(log).count
      var commit = Sample(2).commit()
      if isGroup {
        commit.groupOffsets = [GroupOffsets(groupID: "group", offsets: [TopicPartition("in", 0): 7])]
      } else {
        commit.outputs = [OutputRecord(topic: "out", partition: 0, key: [1], value: [2])]
      }
      let what = isGroup ? "a commit with offsets of a consumer group" : "a commit with outputs"
      let (digest, receipt) = (commit.outputsDigest, writer.lastReceipt.followed(by: commit))
      if log.capabilities.contains(isGroup ? .carriesGroupOffsets : .carriesOutputs) {
        try equal(try writer.append(commit).receipt, receipt, "receipt of \(what)")
        try equal(try log.commits(from: end).map(\.outputsDigest), [digest], "digest of \(what)")
      } else {
        do {
          _ = try writer.append(commit)
          throw violation("\(what) was taken, though the changelog can't carry it")
        } catch let error as StoreError {
          try expect(error.kind == .unsupported, "\(what): unsupported expected, \(error) thrown")
        }
        try equal(writer.endOffset, end, "end after \(what) was refused")
        try equal(try readAll(log).count, count, "commits after \(what) was refused")
      }
    }
    try append([3], to: writer)
    try writer.close()
  }
}
