import CoreMetrics
import Foundation
import InMemoryLogging
import Logging
import MetricsTestKit
import RocksDB
import Testing
import Tidemark

/// Collects the messages and metrics of a test's stores.
struct Observed {
  let metrics = TestMetrics()
  let handler: InMemoryLogHandler

  init() {
    var handler = InMemoryLogHandler()
    handler.logLevel = .trace
    self.handler = handler
  }

  /// Options of an observed store; gauges are published all the time, and table files are written on request only.
  var options: StoreOptions {
    var options = StoreOptions.lazy
    let handler = handler
    options.logger = Logger(label: "test") { _ in handler }
    options.metrics = metrics
    options.metricsInterval = .milliseconds(1)
    return options
  }

  private let dimensions = [("store", "state-0")]

  func gauge(_ name: String) throws -> Double? { try metrics.expectMeter("tidemark." + name, dimensions).lastValue }

  func gauges(_ name: String) throws -> [Double] { try metrics.expectMeter("tidemark." + name, dimensions).values }

  func counter(_ name: String) throws -> Int64 { try metrics.expectCounter("tidemark." + name, dimensions).totalValue }

  func timer(_ name: String) throws -> [Int64] { try metrics.expectTimer("tidemark." + name, dimensions).values }

  /// The messages so far that begin with `prefix`.
  func messages(_ prefix: String = "") -> [InMemoryLogHandler.Entry] {
    handler.entries.filter { "\($0.message)".hasPrefix(prefix) }
  }
}

extension InMemoryLogHandler.Entry {
  /// A metadata value as text.
  func value(_ key: String) -> String? { metadata[key].map { "\($0)" } }
}

/// Holds RocksDB's compactions once they have written a table file, until the gate is opened.
struct CompactionGate {
  private let gate = Gate()

  var hasArrivals: Bool { gate.hasArrivals }

  func open() { gate.open() }

  /// The file system that holds RocksDB's compactions.
  var fileSystem: FileSystem {
    FileSystem(
      database: ToldFileSystem { [gate] call in
        if call.kind == .sync, call.path.hasSuffix(".sst"), Self.isCompaction { gate.pass() }
        call.proceed()
        return nil
      })
  }

  /// Whether the calling thread belongs to a compaction: compactions have threads of their own.
  private static var isCompaction: Bool {
    let name = try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)
    return name?.hasPrefix("rocksdb:low") == true
  }
}
