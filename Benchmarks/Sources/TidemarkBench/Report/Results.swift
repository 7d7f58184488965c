import Foundation

/// The contents of `results.json`.
struct Results: Encodable {
  let scale: String
  let machine: Machine
  let plan: Plan
  let options: ComparedOptions
  let rows: [Row]

  /// Bars that apply to no row: the case was renamed, or wasn't run.
  var barsWithoutRow: [Bar] { Bar.all.filter { bar in !rows.contains { bar.applies(to: $0) } } }

  func write(to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try encoder.encode(self).write(to: URL(fileURLWithPath: path))
  }
}

/// The machine on which the figures were measured.
struct Machine: Codable, Sendable {
  let processor: String
  let cores: Int
  let memoryBytes: UInt64
  let kernel: String
  let rocksDB: String
  /// The load of the last minute at the beginning and the end of the run, which shows other work on the machine.
  var loadBefore: Double
  var loadAfter: Double
  let isOptimized: Bool

  init() {
    let information = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
    let name = information?.split(separator: "\n").first { $0.hasPrefix("model name") }?.split(separator: ":").last
    processor = name.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
    cores = ProcessInfo.processInfo.activeProcessorCount
    memoryBytes = ProcessInfo.processInfo.physicalMemory
    let version = try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8)
    kernel = version?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "unknown"
    rocksDB = PlainDatabase.version
    loadBefore = Self.load
    loadAfter = loadBefore
    #if DEBUG
      isOptimized = false
    #else
      isOptimized = true
    #endif
  }

  static var load: Double {
    let text = try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)
    return text?.split(separator: " ").first.flatMap { Double($0) } ?? 0
  }
}
