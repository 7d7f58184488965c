import Foundation
import RowInput
import Tidemark

/// Reads inputs and keeps the aggregates of their groups; each commit carries how far the inputs were read.
struct AggregationJob {
  var state: AggregationState
  /// Paths, or `-` for standard input.
  var files: [String]
  var format: RowFormat?
  /// Commit after this many records.
  var commitRecords: Int
  /// Commit after this time, too.
  var commitInterval: Duration
  /// Whether bad rows are counted and left out, instead of ending the run.
  var skipsBadRows: Bool

  /// What a run did.
  struct Summary {
    var records = 0
    var commits = 0
    /// What was left out of the named inputs, also by former runs.
    var leftOut = LeftOutRows()
    /// The signal that ended it early.
    var signal: Int32?
  }

  /// How far a run is.
  struct Progress {
    var records: Int
    /// Over all files.
    var bytes: Int
    var leftOut: LeftOutRows
  }

  /// Runs to the end of the files, or until a signal comes; everything that was read is committed then, also when a row
  /// is bad, before the error is thrown.
  func run(_ report: (Progress) -> Void) throws -> Summary {
    var summary = Summary()
    var transaction = try state.store.begin()
    var bytesBefore = 0
    for file in files {
      for input in file == "-" ? try standardInputs() : [InputFile(file)] {
        try read(input, &transaction, &summary) { progress in
          var progress = progress
          progress.bytes += bytesBefore
          report(progress)
        }
        if summary.signal != nil { return summary }
        bytesBefore += fileSize(input.path)
      }
    }
    return summary
  }

  /// What former runs left of standard input, and standard input itself.
  private func standardInputs() throws -> [InputFile] {
    var inputs: [InputFile] = []
    var last = 0
    for number in try InputLog.numbers(in: state.directory) {
      last = number
      let input = InputFile(try InputLog(state.directory, number, isOpen: false))
      if try state.store.snapshot().get(input.key, in: AggregationState.inputs)?.hasEnded != true {
        inputs.append(input)
      }
    }
    return inputs + [InputFile(try InputLog(state.directory, last + 1, isOpen: true))]
  }

  private func read(
    _ input: InputFile, _ transaction: inout Transaction, _ summary: inout Summary, _ report: (Progress) -> Void
  ) throws {
    var run = InputRun(job: self, input: input, progress: try input.progress(in: transaction))
    defer {
      summary.records += run.records
      summary.commits += run.commits
      summary.leftOut.add(run.progress.leftOut)
    }
    let (records, leftOut) = (summary.records, summary.leftOut)
    try run.toItsEnd(&transaction) { progress in
      var progress = progress
      progress.records += records
      progress.leftOut.add(leftOut)
      report(progress)
    }
    summary.signal = Signals.pending
  }
}

/// One input, from where the state has it to its end.
private struct InputRun: ~Copyable {
  let job: AggregationJob
  let input: InputFile
  var progress: AggregationState.InputProgress
  var records = 0
  var commits = 0
  private var uncommitted = 0
  private var lastCommit = ContinuousClock.now

  init(job: AggregationJob, input: InputFile, progress: AggregationState.InputProgress) {
    (self.job, self.input, self.progress) = (job, input, progress)
  }

  mutating func toItsEnd(_ transaction: inout Transaction, _ report: (AggregationJob.Progress) -> Void) throws {
    guard var reader = try open() else { return }
    var rows = RowAggregator(job.state.plan)
    // Whether the reader's row is read and not yet counted.
    var isInRow = false
    do {
      reading: while true {
        do {
          guard try reader.next() else {
            switch try input.log?.waitForMore(job.commitInterval) ?? .end {
            case .more: continue reading
            case .nothing: break
            case .end:
              // What a killed run left may end with half a row; at the end of an input the rest is a row.
              if !reader.holdsBackOpenRow || input.log?.isTorn == true { break reading }
              reader.holdsBackOpenRow = false
              continue reading
            }
            if Signals.pending != nil { break reading }
            if uncommitted > 0, isTimeToCommit { try commit(reader.position, &transaction) }
            continue reading
          }
          isInRow = true
          switch try rows.add(reader, &transaction) {
          case .counted: break
          case .excluded: progress.excludedRows = (progress.excludedRows ?? 0) + 1
          case .late: progress.lateRows = (progress.lateRows ?? 0) + 1
          }
        } catch let error as InputError where job.skipsBadRows && error.isOfOneRow {
          if !isInRow { try reader.skipRow() }
          progress.skip(error, line: reader.row.line)
        }
        isInRow = false
        uncommitted += 1
        guard uncommitted & 63 == 0 || uncommitted >= job.commitRecords else { continue }
        if Signals.pending != nil { break }
        report(
          AggregationJob.Progress(
            records: records + uncommitted, bytes: reader.position.offset, leftOut: progress.leftOut))
        if uncommitted >= job.commitRecords || transaction.shouldCommit || isTimeToCommit {
          try commit(reader.position, &transaction)
        }
      }
    } catch let error as InputError {
      // The rows before the bad one count, and the next run starts with it.
      if uncommitted > 0 { try commit(isInRow ? reader.row : reader.position, &transaction) }
      throw error
    }
    if Signals.pending == nil, input.log != nil { progress.hasEnded = true }
    try commit(reader.position, &transaction)
    report(AggregationJob.Progress(records: records, bytes: reader.position.offset, leftOut: progress.leftOut))
  }

  /// Opens the input; of standard input, once there is a whole header.
  ///
  /// `nil` if there is none.
  private func open() throws -> RowReader? {
    guard let log = input.log else { return try reader() }
    while true {
      if try hasHeader() { return try reader() }
      switch try log.waitForMore(job.commitInterval) {
      case .more: continue
      case .nothing: if Signals.pending != nil { return nil }
      case .end:
        // Nothing came, or less than a header.
        return fileSize(input.path) == 0 || log.isTorn ? nil : try reader(holdsBackOpenRow: false)
      }
    }
  }

  private func hasHeader() throws -> Bool {
    do {
      _ = try reader()
      return true
    } catch {
      // A `where` on a typed error crashes Swift 6.3's compiler.
      guard let error = error as? InputError, error.kind == .emptyFile else { throw error }
      return false
    }
  }

  private func reader(holdsBackOpenRow: Bool? = nil) throws -> RowReader {
    try RowReader.open(
      input.path, format: job.format, columns: job.state.plan.columns, from: progress.rowPosition,
      holdsBackOpenRow: holdsBackOpenRow ?? (input.log != nil))
  }

  private var isTimeToCommit: Bool { lastCommit.duration(to: .now) >= job.commitInterval }

  private mutating func commit(_ next: RowPosition, _ transaction: inout Transaction) throws {
    (progress.bytes, progress.line, progress.record) = (next.offset, next.line, next.record)
    try input.remember(&progress)
    try input.log?.sync()
    try transaction.put(input.key, progress, in: AggregationState.inputs)
    try transaction.commit([progress.topicPartition: Offset(Int64(next.offset))])
    records += uncommitted
    commits += 1
    uncommitted = 0
    lastCommit = .now
  }
}
