public import Changelog

/// What every changelog promises, as checks for any test framework.
///
/// Each check makes a changelog of its own and throws a ``Violation`` when a promise is broken.
public struct ChangelogConformance {
  /// A promise that was broken.
  public struct Violation: Error, CustomStringConvertible {
    /// What was promised, and what came instead.
    public let description: String
  }

  private let make: () throws -> any Changelog
  private let reopen: (any Changelog) throws -> any Changelog
  private let maxCommitBytes: Int

  /// Checks changelogs made by `make`, empty each, with `maxCommitBytes` as the greatest size of a commit.
  ///
  /// `reopen` opens the same changelog again, as another process would.
  public init(
    maxCommitBytes: Int, make: @escaping () throws -> any Changelog,
    reopen: @escaping (any Changelog) throws -> any Changelog
  ) {
    self.maxCommitBytes = maxCommitBytes
    self.make = make
    self.reopen = reopen
  }

  /// Runs all checks.
  public func checkAll() throws {
    try checkEmpty()
    try checkReadsWhatWasAppended()
    try checkReceipts()
    try checkPoints()
    try checkReadingFromTheMiddle()
    try checkOneWriter()
    try checkTooLarge()
    try checkDurability()
    try checkReopening()
    try checkDeletion()
    try checkEmptyCommit()
    try checkClosed()
  }

  /// An empty changelog starts and ends at 0, and has the receipt of its identity there.
  public func checkEmpty() throws {
    let log = try make()
    try equal(try log.offsets(), ChangelogOffsets(start: 0, durable: 0, end: 0), "offsets of an empty changelog")
    try equal(try log.receipt(endingAt: 0), Receipt(startOf: log.identity), "receipt of an empty changelog")
    try equal(try log.read(from: 0, to: nil) { (_) throws(StoreError) in .next }, 0, "end of an empty changelog")
    try equal(try log.receipt(endingAt: 1), nil, "receipt beyond the end")
  }

  /// What is read is what was appended: records, tombstones, positions, stream time, epoch.
  public func checkReadsWhatWasAppended() throws {
    let log = try make()
    let writer = try log.openWriter()
    let samples = (0..<20).map(Sample.init)
    var appended: [AppendedCommit] = []
    for sample in samples { appended.append(try writer.append(sample.commit())) }
    let read = try Self.readAll(log)
    try equal(read.map(\.sample), samples, "commits read")
    try equal(read.map(\.baseOffset), appended.map(\.baseOffset), "where commits start")
    try equal(read.map(\.endOffset), appended.map(\.endOffset), "where commits end")
    try equal(Set(read.map(\.epoch)), [writer.epoch], "epochs")
    try writer.close()
  }

  /// Receipts follow from each other, and each is found by the end of its commit, and nowhere else.
  public func checkReceipts() throws {
    let log = try make()
    let writer = try log.openWriter()
    var expected = Receipt(startOf: log.identity)
    var appended: [AppendedCommit] = []
    for number in 0..<30 { appended.append(try writer.append(Sample(number).commit())) }
    for (read, appended) in zip(try Self.readAll(log), appended) {
      try equal(read.previousReceipt, expected, "receipt of the commit before")
      try equal(read.receipt, appended.receipt, "receipt that was read")
      try equal(try log.receipt(endingAt: appended.endOffset), appended.receipt, "receipt at the end of a commit")
      if appended.endOffset.value - appended.baseOffset.value > 1 {
        try equal(try log.receipt(endingAt: appended.baseOffset.advanced(by: 1)), nil, "receipt inside a commit")
      }
      expected = appended.receipt
    }
    try equal(writer.lastReceipt, expected, "last receipt")
    try writer.close()
  }

  /// A point of the history includes the commits that end by its offset, or that were appended by its time.
  public func checkPoints() throws {
    let log = try make()
    try equal(try log.end(at: .offset(7)), 0, "end at a point of an empty changelog")
    let writer = try log.openWriter()
    var last: Offset = 0
    for number in 0..<10 {
      let appended = try writer.append(Sample(number).commit())
      try equal(try log.end(at: .offset(appended.endOffset.advanced(by: -1))), last, "end before the end of a commit")
      try equal(try log.end(at: .offset(appended.endOffset)), appended.endOffset, "end at the end of a commit")
      last = appended.endOffset
    }
    try equal(try log.end(at: .time(.max)), last, "end in the future")
    try equal(try log.end(at: .time(.min)), 0, "end before the first commit")
    try writer.close()
  }

  /// Reading starts at any commit, ends where it is told, stops when asked, and refuses other offsets.
  public func checkReadingFromTheMiddle() throws {
    let log = try make()
    let writer = try log.openWriter()
    var appended: [AppendedCommit] = []
    for number in 1...10 { appended.append(try writer.append(Sample(number).commit())) }
    let end = appended[9].endOffset
    try equal(try Self.readAll(log, from: appended[4].baseOffset).count, 6, "commits from the middle")
    try equal(
      try Self.readAll(log, from: appended[4].baseOffset, to: appended[6].endOffset).count, 3, "commits of a range")
    try equal(try Self.readAll(log, from: end).count, 0, "commits from the end")
    var seen = 0
    let stopped = try log.read(from: appended[2].baseOffset, to: nil) { (_) throws(StoreError) in
      seen += 1
      return seen == 2 ? .stop : .next
    }
    try equal(stopped, appended[3].endOffset, "where reading stopped")
    try equal(seen, 2, "commits before reading stopped")
    try fails(.invalidArgument, "reading from inside a commit") {
      _ = try Self.readAll(log, from: appended[3].baseOffset.advanced(by: 1))
    }
    try fails(.invalidArgument, "reading from beyond the end") {
      _ = try Self.readAll(log, from: end.advanced(by: 5))
    }
    try writer.close()
  }

  /// A second writer is refused, or the first is fenced.
  public func checkOneWriter() throws {
    let log = try make()
    let first = try log.openWriter()
    _ = try first.append(Sample(1).commit())
    do {
      let second = try reopen(log).openWriter()
      try fails(.fenced, "append of a deposed writer") { _ = try first.append(Sample(2).commit()) }
      guard second.epoch > first.epoch else { throw Violation(description: "the second writer's epoch isn't greater") }
      try equal(try Self.readAll(log).count, 1, "commits after the first writer was fenced")
    } catch let error as StoreError {
      try equal(error.kind, .locked, "refusal of a second writer")
      _ = try first.append(Sample(2).commit())
    }
  }

  /// A commit that is too large leaves no trace.
  public func checkTooLarge() throws {
    let log = try make()
    let writer = try log.openWriter()
    let first = try writer.append(Sample(1).commit())
    var large = Commit()
    let value = [UInt8](repeating: 7, count: maxCommitBytes + 1)
    unsafe large.records.append(TableID(1), key: RawSpan(), value: value.span.bytes)
    do {
      _ = try writer.append(large)
      throw Violation(description: "a commit that is too large was taken")
    } catch let error as StoreError {
      try equal(error.kind, .tooLarge, "a commit that is too large")
    }
    try equal(writer.endOffset, first.endOffset, "end after a commit that was refused")
    let next = try writer.append(Sample(2).commit())
    guard next.baseOffset >= first.endOffset else {
      throw Violation(description: "a commit starts at \(next.baseOffset), before the last one's end")
    }
    try equal(try Self.readAll(log).count, 2, "commits")
    try writer.close()
  }

  /// What is synced counts as durable, for the writer and for readers.
  public func checkDurability() throws {
    let log = try make()
    let writer = try log.openWriter()
    for number in 0..<5 { _ = try writer.append(Sample(number).commit()) }
    let end = try log.offsets().end
    try equal(end, writer.endOffset, "end")
    try equal(try writer.sync(), end, "durable offset that sync returns")
    try equal(writer.durableOffset, end, "durable offset after sync")
    try equal(try log.offsets().durable, end, "durable offset of the changelog")
    try writer.close()
  }

  /// After closing and opening again everything is there, and the writer has a greater epoch.
  public func checkReopening() throws {
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
      if round != 1 { for number in 0..<3 { _ = try writer.append(Sample(round * 3 + number).commit()) } }
      receipt = writer.lastReceipt
      end = writer.endOffset
      try writer.close()
    }
    guard epochs == epochs.sorted(), Set(epochs).count == epochs.count else {
      throw Violation(description: "epochs don't grow: \(epochs)")
    }
    try equal(try Self.readAll(log).count, 9, "commits of all writers")
    let offsets = try reopen(log).offsets()
    try equal(offsets, ChangelogOffsets(start: 0, durable: end, end: end), "offsets after closing")
  }

  /// Deletion keeps the commit that ends at the offset and all that follow.
  public func checkDeletion() throws {
    let log = try make()
    let writer = try log.openWriter()
    var appended: [AppendedCommit] = []
    for number in 0..<40 { appended.append(try writer.append(Sample(number).commit())) }
    let kept = appended[24]
    let start = try log.deleteCommits(below: kept.endOffset)
    try equal(try log.offsets().start, start, "start after deletion")
    guard start <= kept.baseOffset else { throw Violation(description: "deletion took the commit that ends there") }
    try equal(try log.receipt(endingAt: kept.endOffset), kept.receipt, "receipt of the commit that was kept")
    try equal(try Self.readAll(log, from: kept.baseOffset).count, 16, "commits kept")
    try equal(try Self.readAll(log, from: start).last?.receipt, appended[39].receipt, "last receipt")
    if start > 0 {
      try fails(.invalidArgument, "reading what was deleted") { _ = try Self.readAll(log, from: 0) }
    }
    try fails(.invalidArgument, "deletion beyond the end") {
      _ = try log.deleteCommits(below: writer.endOffset.advanced(by: 1))
    }
    try writer.close()
    let again = try reopen(log).openWriter()
    try equal(again.lastReceipt, appended[39].receipt, "last receipt after deletion and opening again")
    try again.close()
  }

  /// A commit without records carries its positions.
  public func checkEmptyCommit() throws {
    let log = try make()
    let writer = try log.openWriter()
    let position: Position = [TopicPartition("in", 3): 17]
    let appended = try writer.append(Commit(position: position))
    guard appended.endOffset > appended.baseOffset else { throw Violation(description: "an empty commit has no place") }
    let read = try Self.readAll(log)
    try equal(read.map(\.sample.position), [position], "position of an empty commit")
    try equal(read.map(\.sample.records.count), [0], "records of an empty commit")
    try writer.close()
  }

  /// A closed writer takes nothing.
  public func checkClosed() throws {
    let writer = try make().openWriter()
    try writer.close()
    try fails(.closed, "append to a closed writer") { _ = try writer.append(Sample(0).commit()) }
    try fails(.closed, "sync of a closed writer") { _ = try writer.sync() }
  }

  // MARK: Helpers

  /// Reads commits into values that can be compared.
  static func readAll(_ log: any Changelog, from start: Offset = 0, to end: Offset? = nil) throws -> [ReadSample] {
    var commits: [ReadSample] = []
    try log.read(from: start, to: end) { (commit) throws(StoreError) in
      commits.append(try ReadSample(commit))
      return .next
    }
    return commits
  }

  private func equal<T: Equatable>(_ found: T, _ expected: T, _ what: String) throws {
    if found != expected { throw Violation(description: "\(what): \(expected) expected, \(found) found") }
  }

  private func fails(_ kind: StoreError.Kind, _ what: String, _ body: () throws -> Void) throws {
    do {
      try body()
    } catch let error as StoreError {
      return try equal(error.kind, kind, what)
    }
    throw Violation(description: "\(what): \(kind) expected, nothing thrown")
  }
}
