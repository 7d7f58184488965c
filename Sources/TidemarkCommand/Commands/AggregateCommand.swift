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
      The aggregates and how far each file was read are committed together. Killed at any instant, the same command goes
      on where the last commit stood and ends with exactly the same state. Run again when files have grown, it reads what
      is new. SIGINT and SIGTERM commit and leave.

      Numbers are exact decimals. Empty values are ignored by --sum, --min, --max and --last; --min and --max order
      numbers by value, before all texts. Without any aggregate, rows are counted.

      EXAMPLES
        tidemark aggregate orders.csv --group-by customer --count --sum amount --state ./state
        tidemark aggregate 2025.ndjson 2026.ndjson --group-by country,city --max price --last status --state ./state
      """)

  @Argument(help: "The files, read one after the other.", completion: .file())
  var files: [String]

  @Option(name: .customLong("group-by"), help: ArgumentHelp("The columns that name a group.", valueName: "a,b,…"))
  var groupBy: [String]

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

  @OptionGroup var state: StateOption

  @Option(help: "How the files are written: csv or ndjson. By default the name tells, else the first byte.")
  var format: RowFormat?

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
    guard !files.isEmpty else { throw ValidationError("name at least one file") }
    guard commitRecords > 0, commitMilliseconds > 0 else {
      throw ValidationError("--commit-records and --commit-milliseconds are at least 1")
    }
    guard !plan.groupBy.isEmpty, plan.groupBy.allSatisfy({ !$0.isEmpty }) else {
      throw ValidationError("--group-by names columns, with commas between them")
    }
  }

  private var plan: AggregationPlan {
    typealias Aggregate = AggregationPlan.Aggregate
    let counts = count || (sum + min + max + last).isEmpty ? [Aggregate(function: .count, column: nil)] : []
    func aggregates(_ function: AggregationPlan.Function, _ columns: [String]) -> [Aggregate] {
      columns.map { Aggregate(function: function, column: $0) }
    }
    return AggregationPlan(
      groupBy: groupBy.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) },
      aggregates: counts + aggregates(.sum, sum) + aggregates(.min, min) + aggregates(.max, max)
        + aggregates(.last, last))
  }

  func run() throws {
    try reportingErrors {
      // Bad files are told before a state directory is made.
      for file in files { _ = try RowReader.open(file, format: format, columns: plan.columns) }
      Signals.catchAll()
      let line = ProgressLine(progress.progress)
      let state = try AggregationState(
        self.state.state, plan: plan, log: FileLogOptions(durability: durability), progress: line.update)
      let begin = ContinuousClock.now
      let job = AggregationJob(
        state: state, files: files, format: format, commitRecords: commitRecords,
        commitInterval: .milliseconds(commitMilliseconds))
      let total = files.reduce(0) { $0 + fileSize($1) }
      let summary: AggregationJob.Summary
      do {
        summary = try job.run { records, bytes in line.update(records: records, bytes: bytes, total: total) }
      } catch {
        line.clear()
        // What was committed is in the changelog; closing writes it to table files as well.
        try? state.store.close()
        throw error
      }
      line.clear()
      let offset = try state.store.snapshot().offset
      try state.store.close()
      let seconds = begin.duration(to: .now) / .seconds(1)
      let rate = Int(Double(summary.records) / Swift.max(seconds, 0.001))
      if progress.progress != .none, progress.progress != .json {
        print(
          "\(grouped(summary.records)) rows in \(String(format: "%.2f", seconds)) s (\(grouped(rate)) rows/s),"
            + " \(grouped(summary.commits)) commits, changelog offset \(offset)")
      }
      if let signal = summary.signal {
        FileHandle.standardError.write(Data("stopped and committed; run the same command to go on\n".utf8))
        throw ExitCode(128 + signal)
      }
    }
  }
}
