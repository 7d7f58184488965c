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

/// Where another file system than that of a ``TemporaryDirectory`` is: in memory, unless that is.
let otherFileSystem = NSTemporaryDirectory().hasPrefix("/dev/shm") ? "/var/tmp" : "/dev/shm"

let balances = Table("balances", key: .string, value: .int64)
let orders = Table("orders", key: .tuple(.string, .int64), value: .string)
