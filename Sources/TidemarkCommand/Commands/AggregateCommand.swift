import ArgumentParser
import Foundation
import RowInput
import Tidemark

/// `tidemark aggregate`.
struct AggregateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "aggregate",
    abstract: "Groups the rows of CSV or newline-delimited JSON files and keeps the aggregates of each group.",
    discussion: """
      The aggregates and the position in each file are committed together. After a kill at any instant, the same \
      command resumes at the last commit and ends with exactly the same state. When files have grown, the same \
      command reads the added rows. On SIGINT and SIGTERM it commits and exits.

      Numbers are exact decimals. --sum, --min, --max and --last ignore empty values; --min and --max order numbers \
      by value, before all texts. Without any of these options, rows are counted.

      EXAMPLES
        tidemark aggregate orders.csv --group-by customer --sum amount --state ./s
        tidemark aggregate 2025.ndjson 2026.ndjson --group-by country,city \\
          --count --max price --last status --state ./s
        tidemark aggregate orders.csv --group-by item --sum amount --state ./s \\
          --where "amount > 0 and country != 'United Kingdom'"
        tidemark aggregate orders.csv --window 1d --time date --grace 1h \\
          --group-by country --sum amount --skip-bad-rows --state ./days
        producer | tidemark aggregate - --group-by item --count --state ./s

      CONDITIONS
      --where takes conditions like `column = value`, with = != < <= > >=, joined by `and`. Two numbers are compared \
      as exact decimals, other values as texts by their bytes. '' is the empty value; it is neither less nor greater \
      than another value. Put columns and values with spaces or signs in single or double quotes; a value in quotes \
      is a text: code = '01234' is not 1234.

      WINDOWS
      --window divides groups into tumbling windows, aligned to 1970-01-01T00:00:00Z; the window's start comes first \
      in the group's key. --time names the column with the time: 2011-12-09, 2011-12-09 12:50:00 or ISO 8601, in UTC \
      unless a zone is given; 20111209 or 20111209125000; or a number since 1970, whose digits tell its unit (10: \
      seconds, 13: milliseconds, 16: microseconds, 19: nanoseconds) unless --time-unit does. Stream time \
      is the latest time of all rows of all inputs so far; it never goes back. As in Kafka Streams, a row is late if \
      its window ended at or before the stream time minus --grace; late rows are dropped and counted. Without \
      --grace, the first row after a window's end closes the window, as with `ofSizeWithNoGrace`. So list files in \
      the order of their times.

      FILES
      A last row without a line end waits for the rest of it, as the file may still be written; --complete counts it. A \
      file is known again by its contents: renamed, moved or through a link it goes on where it was, and a changed one \
      is refused. A rotated file is read as new if the old one lies beside it; otherwise --rotated says so. If size, \
      time and inode are those of the last run, only the first bytes are compared. CSV may have semicolons, tabs or \
      vertical bars in place of commas.

      STANDARD INPUT
      `-` reads standard input; a named pipe, or <(…), is read in the same way. Its bytes are first appended to an input log, `input/stdin-N` in the state directory, \
      which is synced before each commit. After a kill, the same command first processes the rest of that input log, \
      then reads its own standard input as another input, with a header of its own if it is CSV. An incomplete row at \
      the end of the log is ignored. Bytes that a killed run had not yet appended to the input log are lost with the \
      pipe. The producer must send these bytes again, from the start of the incomplete row, and only these (`tidemark \
      info` tells how many bytes are in the log). To process the rest of the log without further input, use < \
      /dev/null. Input logs that were read to their end may be deleted. If a row is bad, mend the producer and send \
      again from that row on: what came behind it doesn't count, and stays in the input log.
      """)

  @Argument(help: "The files, read one after the other; - is standard input.", completion: .file())
  var files: [String]

  @Option(name: .customLong("group-by"), help: ArgumentHelp("The columns that name a group.", valueName: "a,b,…"))
  var groupBy: [String] = []

  @Flag(help: "Count the rows of each group.")
  var count = false

  @Option(help: ArgumentHelp("Add the numbers of a column. May be repeated.", valueName: "column"))
  var sum: [String] = []

  @Option(help: ArgumentHelp("Keep the least value of a column. May be repeated.", valueName: "column"))
  var min: [String] = []

  @Option(help: ArgumentHelp("Keep the greatest value of a column. May be repeated.", valueName: "column"))
  var max: [String] = []

  @Option(help: ArgumentHelp("Keep the last value of a column. May be repeated.", valueName: "column"))
  var last: [String] = []

  @Option(
    name: .customLong("where"),
    help: ArgumentHelp(
      "Count only rows that meet these, as \"a > 0 and b != x\". If repeated, all must hold.", valueName: "conditions"))
  var conditions: [String] = []

  @Option(help: ArgumentHelp("A text that stands for no value, as NA; the empty one always does.", valueName: "text"))
  var null: String?

  @Option(
    help: ArgumentHelp("Divide groups into windows of this length: 30s, 15m, 1h, 1d.", valueName: "length"))
  var window: WindowLength?

  @Option(help: ArgumentHelp("The column with the time, for --window.", valueName: "column"))
  var time: String?

  @Option(
    help: ArgumentHelp("How long after its end, in stream time, a window takes rows (default: 0).", valueName: "length")
  )
  var grace: WindowLength?

  @Option(
    name: .customLong("time-unit"),
    help: ArgumentHelp(
      "What numbers in the time column count since 1970: s, ms, us or ns. By default their digits tell.",
      valueName: "unit"))
  var timeUnit: TimeUnit?

  @Option(
    name: .customLong("latest-time"),
    help: ArgumentHelp(
      "Rows of a later time are bad (default: a day from now): one would make all others late.", valueName: "time"))
  var latestTime: String?

  @Flag(name: .customLong("skip-bad-rows"), help: "Skip bad rows, count them, and list the first twenty.")
  var skipBadRows = false

  @Option(
    help: ArgumentHelp(
      "Append late rows, and bad ones that are skipped, to this file: JSON lines with file, line, reason and row.",
      valueName: "file"), completion: .file())
  var rejects: String?

  @Flag(help: "Count the last row of a file also without a line end; by default it waits for the rest of it.")
  var complete = false

  @Flag(help: "Files that may have been read under another name, or have taken the name of one that was, are new.")
  var rotated = false

  @Flag(help: "Files that may have been read under another name are the same; only their new rows count.")
  var moved = false

  @OptionGroup var state: StateOption

  @Option(help: "The format of the files: csv or ndjson. By default the name decides, else the first byte.")
  var format: RowFormat?

  @Option(help: "What separates the fields of CSV: one character. By default a comma, or another sign if it must be.")
  var delimiter: String?

  @Option(name: .customLong("commit-records"), help: "Commit after this many rows.")
  var commitRecords = 10_000

  @Option(name: .customLong("commit-milliseconds"), help: "Commit after this time.")
  var commitMilliseconds = 1000

  @Option(
    help: """
      What a commit survives: os (a kill of the process), sync (a loss of power), or interval:N (a loss of power costs at \
      most N milliseconds).
      """)
  var durability = Durability.os

  @OptionGroup var progress: ProgressOption

  func validate() throws {
    if let delimiter, delimiter.utf8.count != 1 || ["\"", "\n", "\r"].contains(delimiter) {
      throw ValidationError("--delimiter is one character, and no quote or line break")
    }
    try checkPath(rejects, "--rejects")
    for file in files { try checkPath(file, "the name of a file") }
    guard !files.isEmpty else { throw ValidationError("name at least one file, or - for standard input") }
    guard files.count(where: { $0 == "-" }) <= 1 else { throw ValidationError("standard input can be read once") }
    guard commitRecords > 0, commitMilliseconds > 0 else {
      throw ValidationError("--commit-records and --commit-milliseconds are at least 1")
    }
    guard (window == nil) == (time == nil) else { throw ValidationError("--window and --time go together") }
    guard window != nil || (timeUnit == nil && latestTime == nil) else {
      throw ValidationError("--time-unit and --latest-time go with --window")
    }
    if let latestTime, EventTime.parse(latestTime) == nil {
      throw ValidationError("--latest-time \(latestTime): not a time; write it as 2026-11-20T14:00:00Z")
    }
    guard grace == nil || window != nil else { throw ValidationError("--grace goes with --window") }
    guard window?.milliseconds != 0 else { throw ValidationError("--window is more than 0") }
    guard !(rotated && moved) else { throw ValidationError("--rotated and --moved contradict each other") }
    let plan = try plan
    guard !plan.groupBy.isEmpty || window != nil, plan.groupBy.allSatisfy({ !$0.isEmpty }) else {
      throw ValidationError("--group-by names columns, with commas between them")
    }
  }

  private var plan: AggregationPlan {
    get throws {
      typealias Aggregate = AggregationPlan.Aggregate
      let counts = count || (sum + min + max + last).isEmpty ? [Aggregate(function: .count, column: nil)] : []
      func aggregates(_ function: AggregationPlan.Function, _ columns: [String]) -> [Aggregate] {
        columns.map { Aggregate(function: function, column: $0) }
      }
      var plan = AggregationPlan(
        groupBy: groupBy.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) },
        aggregates: counts + aggregates(.sum, sum) + aggregates(.min, min) + aggregates(.max, max)
          + aggregates(.last, last))
      plan.null = null
      for text in conditions {
        do throws(Condition.ParseError) {
          plan.conditions = (plan.conditions ?? []) + (try Condition.parse(text))
        } catch {
          throw ValidationError("--where \"\(text)\": \(error.message)")
        }
      }
      if let window, let time {
        plan.window = TumblingWindow(
          column: time, milliseconds: window.milliseconds, graceMilliseconds: grace?.milliseconds ?? 0,
          timeUnit: timeUnit, writesMilliseconds: window.milliseconds % 1000 == 0 ? nil : true)
      }
      return plan
    }
  }

  private static var tomorrow: Timestamp { Timestamp((Date().timeIntervalSince1970 + 86_400) * 1000) }

  /// Throws if a file lacks a column, or can't be read.
  private func check(_ file: String, _ plan: AggregationPlan) throws {
    do throws(InputError) {
      _ = try RowReader.open(
        file, format: format, delimiter: delimiter?.utf8.first, columns: plan.columns, holdsBackOpenRow: !complete)
    } catch {
      // The header of a file that is still being written.
      guard error.kind == .emptyFile, !complete, fileSize(file) > 0 else { throw error }
    }
  }

  /// Opens the state; a signal stops the restore too, and the next run continues it.
  private func open(_ plan: AggregationPlan, _ line: ProgressLine) throws -> AggregationState {
    do {
      return try AggregationState(
        state.state, plan: plan, log: FileLogOptions(durability: durability), wait: state.waitDuration
      ) { progress in
        if Signals.pending != nil { throw CancellationError() }
        line.update(progress)
      }
    } catch {
      guard let signal = Signals.pending else { throw error }
      line.clear()
      printMessage("stopped; run the same command to continue\n")
      throw ExitCode(128 + signal)
    }
  }

  func run() throws {
    try reportingErrors {
      let plan = try plan
      // Report bad files before making a state directory.
      for file in files where !InputPipe.isPipe(file) { try check(file, plan) }
      if let rejects, let target = FileAttributes(rejects),
        let file = files.first(where: { FileAttributes($0)?.isSameFile(as: target) == true })
      {
        throw CommandError(.usage, "--rejects \(rejects): is the input \(file); name another file")
      }
      Signals.catchAll()
      let line = ProgressLine(progress.progress)
      let state = try open(plan, line)
      let begin = ContinuousClock.now
      let job = AggregationJob(
        state: state, files: files, format: format, delimiter: delimiter?.utf8.first, commitRecords: commitRecords,
        commitInterval: .milliseconds(commitMilliseconds), skipsBadRows: skipBadRows,
        latestTime: latestTime.flatMap { EventTime.parse($0) } ?? Self.tomorrow,
        rejectedRows: try rejects.map(RejectedRows.init), filesAreComplete: complete,
        doubt: rotated ? .otherFile : moved ? .sameFile : .refused)
      let total = files.contains(where: InputPipe.isPipe) ? nil : files.reduce(0) { $0 + fileSize($1) }
      let summary: AggregationJob.Summary
      do {
        summary = try job.run { line.update($0, total: total) }
      } catch {
        // Committed changes are in the changelog; closing also writes them to table files.
        try? state.store.close()
        throw error
      }
      line.clear()
      let offset = try state.store.snapshot().offset
      try state.store.close()
      let report = AggregationReport(
        summary: summary, offset: offset, seconds: begin.duration(to: .now) / .seconds(1),
        plan: plan, state: self.state.state)
      switch progress.progress {
      case .json: try report.printJSON()
      case .none: report.printLeftOut()
      default:
        try report.printSummary()
        report.printLeftOut()
      }
      if let signal = summary.signal {
        printMessage("stopped and committed; run the same command to continue\n")
        throw ExitCode(128 + signal)
      }
    }
  }
}
