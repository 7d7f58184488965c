import ArgumentParser
import Foundation
import Tidemark

/// `tidemark log`.
struct LogCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "log",
    abstract: "Lists the segments of a changelog, or prints its commits and records.",
    discussion: """
      Only reads files: it takes no lock and changes nothing, so it can be used while a state is in use. A commit is \
      one batch of records. Commits that `--follow` prints may not be durable yet: a loss of power may still take \
      them.

      EXAMPLES
        tidemark log --state ./state
        tidemark log --print --limit 5 --state ./state
        tidemark log --print --from 120000 --json --state ./state | jq .key
        tidemark log --follow --no-records --state ./state
      """)

  @OptionGroup var state: StateOption

  @Flag(help: "Print commits and their records.")
  var print = false

  @Flag(help: "Print commits as they are appended, until stopped; starts at the end unless --from is given.")
  var follow = false

  @Flag(inversion: .prefixedNo, help: "Whether to print the records of commits.")
  var records = true

  @Option(help: ArgumentHelp("Start with the commit that has this offset.", valueName: "offset"))
  var from: Int64?

  @Option(help: ArgumentHelp("At most this many commits.", valueName: "count"))
  var limit: Int?

  @Flag(help: "One JSON object for each segment, commit and record.")
  var json = false

  func validate() throws {
    guard from ?? 0 >= 0, limit ?? 0 >= 0 else { throw ValidationError("--from and --limit are at least 0") }
    guard print || follow || (from == nil && limit == nil) else {
      throw ValidationError("--from and --limit go with --print or --follow")
    }
  }

  func run() throws {
    try reportingErrors {
      let log = try AggregationState.changelog(of: state.state)
      var output = Output()
      if print || follow {
        var reader = try LogReader(log, startingAt: from, atEnd: follow)
        try reader.run(LogPrinter(json: json, withRecords: records), limit: limit ?? .max, follows: follow, &output)
      } else {
        try list(log, &output)
      }
      try output.flush()
    }
  }

  private func list(_ log: FileLog, _ output: inout Output) throws {
    let segments = try log.segments()
    let offsets = try log.offsets()
    if !json {
      try output.append { $0 += "\(log.identity), offsets \(offsets.start) to \(offsets.end)\n".utf8 }
      try output.append { $0 += "segment                   start offset     end offset          bytes\n".utf8 }
    }
    for segment in segments {
      let (name, base, end, bytes) = (segment.name, segment.startOffset, segment.endOffset, segment.byteCount)
      try output.append {
        if json {
          $0 += #"{"segment":"\#(name)","startOffset":\#(base),"endOffset":\#(end),"bytes":\#(bytes)}"#.utf8
        } else {
          let columns = [
            (grouped(Int(base.value)), 14), (grouped(Int(end.value)), 15), (grouped(bytes), 15),
          ]
          $0 += name.utf8
          for (text, width) in columns { $0 += (String(repeating: " ", count: max(1, width - text.count)) + text).utf8 }
        }
        $0 += "\n".utf8
      }
    }
  }
}

/// Goes through the commits of a log, which may grow meanwhile.
private struct LogReader {
  private let log: FileLog
  private var next: Offset
  private let first: Offset

  init(_ log: FileLog, startingAt start: Int64?, atEnd: Bool) throws {
    self.log = log
    let offsets = try log.offsets()
    if let start {
      guard start >= offsets.start.value, start <= offsets.end.value else {
        throw CommandError(
          .usage, "offset \(start) is not in the changelog, which has \(offsets.start) to \(offsets.end)")
      }
      first = Offset(start)
      // The end of the previous commit.
      next = try log.end(at: .offset(first))
    } else {
      first = atEnd ? offsets.end : offsets.start
      next = first
    }
  }

  mutating func run(
    _ printer: consuming LogPrinter, limit: Int, follows: Bool, _ output: inout Output
  ) throws {
    var printer = printer
    try printer.learnTables(log)
    var left = limit
    while left > 0 {
      let first = first
      var text: [UInt8] = []
      let reached = try log.read(from: next, to: nil) { (commit) throws(StoreError) in
        if commit.endOffset <= first { return .next }
        try printer.append(commit, to: &text)
        left -= 1
        return left == 0 || text.count >= 1 << 16 ? .stop : .next
      }
      let isAtEnd = reached == next
      next = reached
      try output.append { $0 += text }
      guard isAtEnd else { continue }
      try output.flush()
      if !follows { return }
      // All commits up to `next` are printed: wait only if the log has none after it.
      let status = try log.offsets()
      if status.end <= next { _ = try log.waitForChange(from: status, timeout: .seconds(60)) }
    }
  }
}
