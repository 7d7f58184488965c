import ArgumentParser
import Foundation
import Tidemark

/// `tidemark info`.
struct InfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info",
    abstract: "Prints the offsets, positions, tables and sizes of a state directory.",
    discussion: """
      EXAMPLES
        tidemark info --state ./state
        tidemark info --json --state ./state | jq .storedOffset
      """)

  @OptionGroup var state: StateOption

  @Flag(help: "One JSON object, with RocksDB's effective options.")
  var json = false

  func run() throws {
    try reportingErrors {
      let state = try AggregationState(self.state.state, wait: self.state.waitDuration)
      let info = try state.store.info()
      let inputs = try inputs(state.store.snapshot())
      try state.store.close()
      if json { try printJSON(info, state.plan, inputs) } else { try printText(info, state.plan, inputs) }
    }
  }

  private func inputs(_ view: Snapshot) throws -> [(path: String, progress: AggregationState.InputProgress)] {
    var cursor = try view.scan(AggregationState.inputs)
    var inputs: [(path: String, progress: AggregationState.InputProgress)] = []
    while let (path, progress) = try cursor.next() { inputs.append((path, progress)) }
    return inputs
  }

  private func printText(
    _ info: StoreInfo, _ plan: AggregationPlan, _ inputs: [(path: String, progress: AggregationState.InputProgress)]
  ) throws {
    var lines: [String] = []
    func row(_ name: String, _ value: String) {
      lines.append(name.padding(toLength: 18, withPad: " ", startingAt: 0) + value)
    }
    row("aggregation", plan.options)
    for (path, progress) in inputs {
      row(
        "input \(progress.partition)",
        "\(path): \(grouped(progress.record - 1)) rows, \(grouped(progress.bytes)) bytes"
          + (keptBytes(path).map { " of \(grouped($0)) kept" } ?? ""))
      let leftOut = progress.leftOut
      for (count, what) in [
        (leftOut.skipped, "bad rows skipped"), (leftOut.late, "late rows dropped"),
        (leftOut.excluded, "rows don't fulfil --where"),
      ] where count > 0 {
        row("", "\(grouped(count)) \(what)")
      }
    }
    row("committed offset", "\(info.committedOffset), receipt \(info.receipt)")
    if let time = info.streamTime { row("stream time", EventTime.text(time)) }
    row("stored offset", "\(info.storedOffset), lag \(info.committedOffset.value - info.storedOffset.value)")
    row("replay if killed", "about \(Int((info.predictedRestart / .milliseconds(1)).rounded(.up))) ms")
    if let changelog = info.changelog { row("changelog", "\(changelog), epoch \(info.epoch)") }
    if let offsets = info.changelogOffsets {
      row("changelog offsets", "start \(offsets.start), durable \(offsets.durable), end \(offsets.end)")
    }
    for table in info.tables {
      row(
        "table \(table.name)",
        "~\(counted(table.estimatedRows, "row")), \(grouped(table.tableFileBytes)) bytes in files")
      row("", "\(table.keyFormat) -> \(table.valueFormat)")
    }
    row("format", "version \(info.formatVersion)")
    row("on disk", "\(grouped(bytes("store"))) bytes of store, \(grouped(bytes("changelog"))) of changelog")
    row("memory budget", "\(grouped(info.usedBudgetBytes)) of \(grouped(info.budgetBytes)) bytes used")
    try printLine(lines.joined(separator: "\n"))
  }

  /// How many bytes the input log of a standard input holds; `nil` for files.
  private func keptBytes(_ key: String) -> Int? {
    key.hasPrefix("stdin:") ? fileSize(state.state + "/input/stdin-\(key.dropFirst(6))") : nil
  }

  /// How many bytes the files below a part of the state directory have.
  private func bytes(_ part: String) -> Int {
    let root = state.state + "/" + part
    return (FileManager.default.subpaths(atPath: root) ?? []).reduce(0) { sum, name in
      var isDirectory: ObjCBool = false
      let exists = unsafe FileManager.default.fileExists(atPath: root + "/" + name, isDirectory: &isDirectory)
      return exists && !isDirectory.boolValue ? sum + fileSize(root + "/" + name) : sum
    }
  }

  private struct Report: Encodable {
    struct Input: Encodable {
      var path: String
      var rows: Int
      var bytes: Int
      var keptBytes: Int?
      var skippedRows: Int
      var lateRows: Int
      var excludedRows: Int
      var skipped: [SkippedRow]
    }
    struct TableReport: Encodable {
      var name: String
      var id: UInt32
      var estimatedRows: Int
      var tableFileBytes: Int
    }
    var directory: String
    var plan: AggregationPlan
    var inputs: [Input]
    var committedOffset: Int64
    var storedOffset: Int64
    var predictedRestartMilliseconds: Double
    var receipt: String
    var changelog: String?
    var epoch: Int32
    var changelogStart: Int64?
    var changelogDurable: Int64?
    var changelogEnd: Int64?
    var position: [String: Int64]
    var streamTime: String?
    var formatVersion: UInt64
    var storeBytes: Int
    var changelogBytes: Int
    var tables: [TableReport]
    var budgetBytes: Int
    var usedBudgetBytes: Int
    var effectiveOptions: [String: String]
  }

  private func printJSON(
    _ info: StoreInfo, _ plan: AggregationPlan, _ inputs: [(path: String, progress: AggregationState.InputProgress)]
  ) throws {
    let report = Report(
      directory: info.directory, plan: plan,
      inputs: inputs.map { path, progress in
        let leftOut = progress.leftOut
        return .init(
          path: path, rows: progress.record - 1, bytes: progress.bytes, keptBytes: keptBytes(path),
          skippedRows: leftOut.skipped, lateRows: leftOut.late, excludedRows: leftOut.excluded,
          skipped: leftOut.firstSkipped)
      },
      committedOffset: info.committedOffset.value, storedOffset: info.storedOffset.value,
      predictedRestartMilliseconds: info.predictedRestart / .milliseconds(1), receipt: info.receipt.description,
      changelog: info.changelog?.description, epoch: info.epoch,
      changelogStart: info.changelogOffsets?.start.value, changelogDurable: info.changelogOffsets?.durable.value,
      changelogEnd: info.changelogOffsets?.end.value,
      position: Dictionary(
        uniqueKeysWithValues: info.position.offsets.map { ($0.key.description, $0.value.value) }),
      streamTime: info.streamTime.map { EventTime.text($0) }, formatVersion: info.formatVersion.rawValue,
      storeBytes: bytes("store"), changelogBytes: bytes("changelog"),
      tables: info.tables.map {
        .init(
          name: $0.name, id: $0.id.value, estimatedRows: $0.estimatedRows, tableFileBytes: $0.tableFileBytes)
      },
      budgetBytes: info.budgetBytes, usedBudgetBytes: info.usedBudgetBytes, effectiveOptions: info.effectiveOptions)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    try printLine(String(decoding: try encoder.encode(report), as: UTF8.self))
  }
}
