import Foundation
import QuietLogs

/// A directory of its own for a test, removed when the test is done.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    quietLogs
    path = NSTemporaryDirectory() + "tidemark-documentation-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func callAsFunction(_ name: String) -> String { path + "/" + name }
}
