import Foundation
import RowInput
import Tidemark

/// Reads inputs and keeps the aggregates of their groups; each commit carries how far the inputs were read.
struct AggregationJob {
  var state: AggregationState
  /// Paths of files and pipes, or `-` for standard input.
  var files: [String]
  var format: RowFormat?
  /// The delimiter of CSV fields; `nil`: a comma, or another sign if the columns are found only with that.
  var delimiter: UInt8?
  /// Commit after this many records.
  var commitRecords: Int
  /// Commit after this time, too.
  var commitInterval: Duration
  /// Whether bad rows are counted and left out, instead of ending the run.
  var skipsBadRows: Bool
  /// A row of a later time is bad.
  var latestTime = EventTime.range.upperBound
  /// Where bad and late rows go.
  var rejectedRows: RejectedRows?
  /// Whether the last row of a file counts even without a line end.
  var filesAreComplete = false
  /// What to do about a file that can't be identified for certain.
  var doubt = InputCatalog.Doubt.refused

  /// The result of a run.
  struct Summary {
    var records = 0
    var commits = 0
    /// The rows left out of the named inputs, by former runs too.
    var leftOut = LeftOutRows()
    /// Further notices about the inputs, a line each.
    var notices: [String] = []
    /// The signal that ended it early.
    var signal: Int32?
  }

  /// The progress of a run.
  struct Progress {
    var records: Int
    /// Over all files.
    var bytes: Int
    var leftOut: LeftOutRows
  }

  /// Runs to the end of the files, or until a signal comes, and commits all rows read; if a row is bad, the rows before
  /// it are committed before the error is thrown.
  func run(_ report: (Progress) -> Void) throws -> Summary {
    var summary = Summary()
    var transaction = try state.store.begin()
    var catalog = try InputCatalog(state.store.snapshot(), doubt: doubt)
    var bytesBefore = 0
    for file in files {
      for input in try inputs(file, catalog, &summary) {
        var run = InputRun(job: self, input: input, entry: try catalog.entry(for: input))
        defer {
          summary.records += run.records
          summary.commits += run.commits
          summary.leftOut.add(run.entry.progress.leftOut)
          summary.notices += run.notices
        }
        let (records, leftOut) = (summary.records, summary.leftOut)
        try run.toItsEnd(&transaction, &catalog) { progress in
          var progress = progress
          progress.bytes += bytesBefore
          progress.records += records
          progress.leftOut.add(leftOut)
          report(progress)
        }
        summary.signal = Signals.pending
        if summary.signal != nil { return summary }
        bytesBefore += fileSize(input.path)
      }
    }
    return summary
  }

  /// The inputs that a name stands for: for a pipe, unfinished logs of former runs, then the pipe.
  private func inputs(_ file: String, _ catalog: InputCatalog, _ summary: inout Summary) throws -> [InputFile] {
    guard let pipe = try InputPipe(file) else {
      guard !realPath(file).hasPrefix(realPath(state.directory) + "/") else {
        throw CommandError(
          .usage, "\(file): is a file of the state; its rows have come through a pipe, and would count twice")
      }
      return [InputFile(file)]
    }
    var inputs: [InputFile] = []
    for number in try InputLog.numbers(in: state.directory) {
      let input = InputFile(try InputLog(state.directory, number, reading: nil))
      if catalog.progress(input.key)?.hasEnded != true { inputs.append(input) }
    }
    for (number, bytes) in catalog.unfinishedLogs where !inputs.contains(where: { $0.key == "stdin:\(number)" }) {
      summary.notices.append(
        "\(state.directory)/input/stdin-\(number) is gone: of what came through that pipe, only the first \(bytes) bytes"
          + " count")
    }
    // The numbers of deleted logs aren't used again.
    let last = max(try InputLog.numbers(in: state.directory).last ?? 0, catalog.lastLogNumber)
    return inputs + [InputFile(try InputLog(state.directory, last + 1, reading: pipe))]
  }
}

/// One input, from the position in the state to its end.
private struct InputRun: ~Copyable {
  let job: AggregationJob
  let input: InputFile
  var entry: InputCatalog.Entry
  var records = 0
  var commits = 0
  var notices: [String] = []
  /// Whether the input is read from its start on.
  private let isFirstReading: Bool
  private var uncommitted = 0
  private var lastCommit = ContinuousClock.now

  init(job: AggregationJob, input: InputFile, entry: InputCatalog.Entry) {
    (self.job, self.input, self.entry) = (job, input, entry)
    isFirstReading = entry.progress.bytes == 0
  }

  mutating func toItsEnd(
    _ transaction: inout Transaction, _ catalog: inout InputCatalog, _ report: (AggregationJob.Progress) -> Void
  ) throws {
    let opened: RowReader?
    do { opened = try open() } catch {
      if error is InputError, input.log != nil { try abandon(&transaction, &catalog) }
      throw error
    }
    guard var reader = opened else { return }
    // After a swap of two names it has the key already.
    if let former = entry.formerKey, former != entry.key {
      notices.append("\(input.path): is \(former), which was read before")
    }
    var rows = RowAggregator(job.state.plan, latestTime: job.latestTime)
    // Whether the reader's row was read but not yet counted.
    var isInRow = false
    do {
      reading: while true {
        do {
          guard try reader.next() else {
            if uncommitted > 0, isTimeToCommit { try commit(&reader, reader.position, &transaction, &catalog) }
            switch try input.log?.waitForMore(job.commitInterval) ?? .end {
            case .more: continue reading
            case .nothing: break
            case .end:
              // The log of a killed run may end with half a row; at the end of a pipe the rest is a row.
              if input.log == nil || !reader.holdsBackOpenRow || input.log?.isTorn == true { break reading }
              reader.holdsBackOpenRow = false
              continue reading
            }
            if Signals.pending != nil { break reading }
            continue reading
          }
          isInRow = true
          try count(&reader, &rows, &transaction, &catalog)
        } catch let error as InputError where job.skipsBadRows && error.isOfOneRow {
          if !isInRow { try reader.skipRow() }
          entry.progress.skip(error, line: reader.row.line)
          try job.rejectedRows?.append(reader, error.reason)
        }
        isInRow = false
        uncommitted += 1
        guard uncommitted & 63 == 0 || uncommitted >= job.commitRecords || isLarge(reader) else { continue }
        if Signals.pending != nil { break }
        report(
          AggregationJob.Progress(
            records: records + uncommitted, bytes: reader.position.offset, leftOut: entry.progress.leftOut))
        if uncommitted >= job.commitRecords || transaction.shouldCommit || isTimeToCommit {
          try commit(&reader, reader.position, &transaction, &catalog)
        }
      }
    } catch let error as InputError {
      // The rows before the bad one count, and the next run starts with the bad row. From a pipe, it and the rows after
      // it have to be sent again once it is corrected.
      if input.log != nil { entry.progress.hasEnded = true }
      if uncommitted > 0 || input.log != nil {
        try commit(&reader, isInRow ? reader.row : reader.position, &transaction, &catalog)
      }
      throw input.log == nil ? error : CommandError(inPipe: error)
    }
    if Signals.pending == nil, input.log != nil { entry.progress.hasEnded = true }
    try commit(&reader, reader.position, &transaction, &catalog)
    report(AggregationJob.Progress(records: records, bytes: reader.position.offset, leftOut: entry.progress.leftOut))
    if Signals.pending == nil { try noteTheEnd(reader) }
  }

  /// Counts the reader's row.
  ///
  /// A row that doesn't fit into the transaction is counted in the next one; a row that fits into none is bad.
  private mutating func count(
    _ reader: inout RowReader, _ rows: inout RowAggregator, _ transaction: inout Transaction,
    _ catalog: inout InputCatalog
  ) throws {
    let outcome: RowAggregator.Outcome
    do { outcome = try rows.add(reader, &transaction) } catch {
      guard let error = error as? StoreError, error.kind == .overBudget || error.kind == .tooLarge else { throw error }
      if uncommitted > 0 {
        try commit(&reader, reader.row, &transaction, &catalog)
        return try count(&reader, &rows, &transaction, &catalog)
      }
      throw reader.error(
        .tooLarge(
          bytes: reader.position.offset - reader.row.offset, limit: AggregationState.options.transactionLimits.hardBytes
        ))
    }
    switch outcome {
    case .counted: break
    case .excluded: entry.progress.excludedRows = (entry.progress.excludedRows ?? 0) + 1
    case .late:
      entry.progress.lateRows = (entry.progress.lateRows ?? 0) + 1
      try job.rejectedRows?.append(reader, "late: its window had ended")
    }
  }

  /// Whether the row just read may fill the transaction before its next regular check.
  private func isLarge(_ reader: borrowing RowReader) -> Bool {
    reader.position.offset - reader.row.offset > 1 << 16
  }

  /// Adds notices about a last row that doesn't count yet or may be cut off, and about a column that no row has.
  private mutating func noteTheEnd(_ reader: borrowing RowReader) throws {
    if let log = input.log {
      if log.endedWithoutLineBreak {
        notices.append(
          "the last row of the pipe had no line break and counts; if its producer died, it may be half a row")
      }
      return
    }
    if isFirstReading, let column = reader.unseenColumn, entry.progress.record > 1 {
      notices.append("\(input.path): none of the rows that were read has the column \"\(column)\"")
    }
    guard reader.holdsBackOpenRow, fileSize(input.path) > reader.position.offset else { return }
    notices.append(
      "\(input.path) line \(reader.position.line): the last row has no line end and waits for the rest of it;"
        + " --complete counts it as it is")
  }

  /// Opens the input; a pipe, once it has sent a whole header.
  ///
  /// `nil` if there is no whole header.
  private mutating func open() throws -> RowReader? {
    guard let log = input.log else {
      do { return try reader(holdsBackOpenRow: !job.filesAreComplete, isGrowing: false) } catch {
        guard let error = error as? InputError, error.kind == .emptyFile, !job.filesAreComplete,
          fileSize(input.path) > 0
        else { throw error }
        notices.append("\(input.path) line 1: the header has no line end and waits for the rest of it")
        return nil
      }
    }
    while true {
      if try hasHeader() { return try reader(holdsBackOpenRow: true, isGrowing: true) }
      switch try log.waitForMore(job.commitInterval) {
      case .more: continue
      case .nothing: if Signals.pending != nil { return nil }
      case .end:
        // Nothing arrived, or less than a header.
        return fileSize(input.path) == 0 || log.isTorn ? nil : try reader(holdsBackOpenRow: false, isGrowing: true)
      }
    }
  }

  private func hasHeader() throws -> Bool {
    do {
      _ = try reader(holdsBackOpenRow: true, isGrowing: true)
      return true
    } catch {
      // A `where` on a typed error crashes Swift 6.3's compiler.
      guard let error = error as? InputError, error.kind == .emptyFile else { throw error }
      return false
    }
  }

  private func reader(holdsBackOpenRow: Bool, isGrowing: Bool) throws -> RowReader {
    let progress = entry.progress
    var content = progress.contentChecksum.map { ContentChecksum(byteCount: progress.bytes, crc: $0) }
    // A state of an older version has none.
    if content == nil, progress.bytes > 0 {
      content = try ContentChecksum.ofStart(of: input.path, byteCount: progress.bytes)
    }
    return try RowReader.open(
      input.path, format: job.format, delimiter: job.delimiter, columns: job.state.plan.columns,
      from: progress.rowPosition, checksum: content,
      holdsBackOpenRow: holdsBackOpenRow, isGrowing: isGrowing)
  }

  private var isTimeToCommit: Bool { lastCommit.duration(to: .now) >= job.commitInterval }

  private mutating func commit(
    _ reader: inout RowReader, _ next: RowPosition, _ transaction: inout Transaction, _ catalog: inout InputCatalog
  ) throws {
    let bytesBefore = entry.progress.bytes
    (entry.progress.bytes, entry.progress.line, entry.progress.record) = (next.offset, next.line, next.record)
    try input.remember(&entry.progress, reader.contentChecksum(before: next))
    try write(&transaction, &catalog, bytesBefore)
  }

  /// Ends a pipe from which no row can be read: its producer sends everything again.
  private mutating func abandon(_ transaction: inout Transaction, _ catalog: inout InputCatalog) throws {
    entry.progress.hasEnded = true
    try write(&transaction, &catalog, entry.progress.bytes)
  }

  private mutating func write(
    _ transaction: inout Transaction, _ catalog: inout InputCatalog, _ bytesBefore: Int
  ) throws {
    try input.log?.sync()
    try job.rejectedRows?.sync()
    // Deletes come first: an input may move to a key that another one leaves.
    for (from, _) in catalog.moved { try transaction.delete(from, in: AggregationState.inputs) }
    for (_, to) in catalog.moved {
      if let progress = catalog.progress(to) { try transaction.put(to, progress, in: AggregationState.inputs) }
    }
    if let former = entry.formerKey { try transaction.delete(former, in: AggregationState.inputs) }
    try transaction.put(entry.key, entry.progress, in: AggregationState.inputs)
    let total = catalog.totalBytes + entry.progress.bytes - bytesBefore
    try transaction.commit([InputCatalog.partition: Offset(Int64(total))])
    catalog.committed(entry, bytesBefore: bytesBefore)
    entry.formerKey = nil
    records += uncommitted
    commits += 1
    uncommitted = 0
    lastCommit = .now
  }
}
