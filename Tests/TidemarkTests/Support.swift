import Foundation
import QuietLogs
import Testing
import Tidemark

/// A directory of its own for a test, removed when the test is done.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    quietLogs
    path = NSTemporaryDirectory() + "tidemark-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func callAsFunction(_ name: String) -> String { path + "/" + name }

  /// The file log of the test.
  func log(_ options: FileLogOptions = FileLogOptions()) throws(StoreError) -> FileLog {
    try FileLog.open(path + "/changelog", TopicPartition("state", 0), options: options)
  }
}

/// The seed of a random test: from `TIDEMARK_SEED`, else another each time; printed, so that a failure can be repeated.
func testSeed(_ name: String = #function) -> UInt64 {
  let seed = ProcessInfo.processInfo.environment["TIDEMARK_SEED"].flatMap { UInt64($0) } ?? .random(in: 0..<1 << 32)
  print("\(name): TIDEMARK_SEED=\(seed)")
  return seed
}

/// SplitMix64: small, seeded, the same on every machine.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

let balances = Table("balances", key: .string, value: .int64)
let orders = Table("orders", key: .tuple(.string, .int64), value: .string)
