import Foundation
import Logging
import MetricsTestKit
import Testing
import Tidemark
import TidemarkTesting

/// The article on metrics and log messages against the code.
@Suite struct ObservingTests {
  /// Has no directory of its own: making one also sets where log messages go, which a process may do only once.
  @Test func aProgramSaysWhereBothGo() async throws {
    await #expect(processExitsWith: .success) {
      let metrics = TestMetrics()
      startObserving(metrics)
      let path = NSTemporaryDirectory() + "tidemark-observing-" + UUID().uuidString
      defer { try? FileManager.default.removeItem(atPath: path) }
      let store = try StateStore.open(path, tables: [spent], changelog: InMemoryChangelog())
      try store.write { try $0.put("anna", 1, in: spent) }
      let count = try metrics.expectCounter("tidemark.commit-total", [("store", "changelog-0")])
      guard count.totalValue == 1, StoreOptions().logger.logLevel == .notice else { exit(1) }
      try store.close()
    }
  }

  /// The rows of the article's first or second table, as cells.
  private func rows(_ first: String) throws -> [[String]] {
    let lines = try CatalogueTests.article("Observing").split(separator: "\n")
    let table = lines.drop { !$0.hasPrefix("| \(first) |") }.dropFirst(2).prefix { $0.hasPrefix("|") }
    return table.map { line in
      line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast().map {
        $0.trimmingCharacters(in: .whitespaces).trimmingCharacters(in: ["`"])
      }
    }
  }

  @Test func theTableHasTheLabelsThatTheCodeMakes() throws {
    let directory = try TemporaryDirectory()
    let metrics = TestMetrics()
    let logger = Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() }
    let store = try openObserved(directory("store"), InMemoryChangelog(), logger: logger, metrics: metrics)
    var made: [String: String] = [:]
    for timer in metrics.timers { made[timer.label] = "timer" }
    for counter in metrics.counters { made[counter.label] = "counter" }
    for meter in metrics.meters { made[meter.label] = "gauge" }
    #expect(metrics.recorders.isEmpty)
    let told = Dictionary(uniqueKeysWithValues: try rows("label").map { ($0[0], $0[1]) })
    #expect(told == made)
    #expect(made.count > 20)
    try store.close()
  }

  @Test func theTableHasTheMessagesThatTheCodeLogs() throws {
    let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let file = here.appending(path: "../../Sources/Tidemark/Observing/StoreObserver.swift").standardizedFileURL
    let source = try String(contentsOf: file, encoding: .utf8)
    // A message is the first text after a level; that of a stall is one of two.
    var logged: Set<String> = []
    for call in source.matches(of: /logger\.([a-z]+)\(\s*(?:after == \.stopped\s*\? "([^"]+)"\s*:\s*)?"([^"]+)"/) {
      logged.insert("\(call.output.1): \(call.output.3)")
      if let other = call.output.2 { logged.insert("\(call.output.1): \(other)") }
    }
    #expect(Set(try rows("level").map { "\($0[0]): \($0[1])" }) == logged)
    #expect(logged.count > 10)
  }
}
