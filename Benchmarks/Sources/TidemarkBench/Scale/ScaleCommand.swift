import ArgumentParser
import Foundation

/// Measures how a store behaves as it grows.
struct ScaleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scale", abstract: "Measures stores of growing size.",
    discussion: """
      For each number of keys, in processes of their own: commits, reads of a closed and reopened store, process start to \
      first read after SIGKILL (and the same for the bare database), commits while a checkpoint is taken, and the restore \
      of all from the changelog. \
      With --kills the restore is done once more, and killed at that many random instants on its way.

      Examples:
        TidemarkBench scale --keys 1000000 --keys 10000000
        TidemarkBench scale --keys 50000000 --kills 20 --directory /data
      """)

  @Option(help: "How many keys; may be repeated.")
  var keys: [Int] = [1_000_000, 10_000_000, 50_000_000]

  @Option(help: "The memory budget of the store, in MiB.")
  var budget = 512

  @Option(help: "How often the process is started to be opened.")
  var opens = 7

  @Option(help: "How often a second restore is killed.")
  var kills = 0

  @Option(help: "Where results and charts go.")
  var output = ".build/bench"

  @Option(help: "Where stores are made, and removed again; OUTPUT/work if it isn't given.")
  var directory: String?

  func run() throws {
    try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
    let work = directory.map { $0 + "/tidemark-bench" } ?? output + "/work"
    defer { try? FileManager.default.removeItem(atPath: work) }
    var rows: [ScaleRow] = []
    for count in keys {
      try? FileManager.default.removeItem(atPath: work)
      try FileManager.default.createDirectory(atPath: work, withIntermediateDirectories: true)
      let series = ScaleSeries(directory: work, keys: count, budgetBytes: budget << 20)
      rows.append(try series.measure(opens: opens, kills: kills) { say("\(count) keys: \($0)") })
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      try encoder.encode(rows).write(to: URL(fileURLWithPath: output + "/scale.json"))
    }
    print(ScaleRow.table(rows))
    print("\nresults: \(output)/scale.json")
    try ScaleRow.chart(rows).write(toFile: output + "/scale.svg", atomically: true, encoding: .utf8)
    print("chart: \(output)/scale.svg")
  }

  private func say(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }
}

/// The measurements of one size.
struct ScaleRow: Codable {
  let keys: Int
  let budgetBytes: Int
  /// Measured until the last commit was acknowledged, including the log.
  var commitsPerSecond = 0.0
  var commitP99 = 0.0
  var commitMax = 0.0
  var loadPeakBytes = 0
  /// Bytes of the database and the changelog for each byte of keys and values.
  var databaseBytesPerByte = 0.0
  var logBytesPerByte = 0.0
  /// Microseconds.
  var readP50 = 0.0
  var readP99 = 0.0
  /// Milliseconds from process start to the first read after SIGKILL: the middle of all starts.
  var openMilliseconds = 0.0
  var openPlainMilliseconds = 0.0
  /// The time that a checkpoint takes, and the ratio of the commit rate during checkpoints to the rate without.
  var checkpointSeconds = 0.0
  var checkpointRatio = 0.0
  var restoreSeconds = 0.0
  var restorePeakBytes = 0
  /// The work that the restored database leaves to compactions.
  var restoreDebtBytes = 0
  var restoreLevel0Files = 0
  var kills: Int?
  /// Processor time of all processes of a killed restore, divided by that of an uninterrupted one.
  var killedWork: Double?

  /// The rows in readable form.
  static func table(_ rows: [ScaleRow]) -> String {
    var table = TextTable(
      [
        "keys", "records/s", "commit p99", "max", "peak", "db B/B", "log B/B", "read p50", "p99", "open", "bare",
        "beyond",
        "checkpoint", "beside", "restored/s", "peak", "debt", "killed", "work",
      ], textColumns: 0)
    for row in rows {
      table.append([
        "\(row.keys)", "\(Int(row.commitsPerSecond))", "\(row.commitP99.fixed(1)) ms", "\(row.commitMax.fixed(1)) ms",
        mebibytes(row.loadPeakBytes), row.databaseBytesPerByte.fixed(2), row.logBytesPerByte.fixed(2),
        "\(row.readP50.fixed(1)) µs", "\(row.readP99.fixed(1)) µs", "\(row.openMilliseconds.fixed(0)) ms",
        "\(row.openPlainMilliseconds.fixed(0)) ms",
        "\((row.openMilliseconds - row.openPlainMilliseconds).fixed(0)) ms",
        "\(row.checkpointSeconds.fixed(2)) s", row.checkpointRatio.fixed(2),
        "\(Int(Double(row.keys) / row.restoreSeconds))", mebibytes(row.restorePeakBytes),
        "\(mebibytes(row.restoreDebtBytes)), \(row.restoreLevel0Files)", row.kills.map { "\($0)" } ?? "",
        row.killedWork.map { $0.fixed(2) } ?? "",
      ])
    }
    return table.text
  }
}
