import Foundation
import QuietLogs
import Testing
import Tidemark

/// A directory of its own for a test, removed when the test is done.
final class TemporaryDirectory: Sendable {
  let path: String

  /// In memory if asked for and if there is a file system for it: for tests that write much and need no disk.
  init(inMemory: Bool = false) throws {
    quietLogs
    let hasMemory = inMemory && FileManager.default.isWritableFile(atPath: "/dev/shm")
    path = (hasMemory ? "/dev/shm/" : NSTemporaryDirectory()) + "tidemark-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func callAsFunction(_ name: String) -> String { path + "/" + name }

  /// The file log of the test.
  func log(_ options: FileLogOptions = FileLogOptions()) throws(StoreError) -> FileLog {
    try FileLog.open(path + "/changelog", TopicPartition("state", 0), options: options)
  }
}

/// A directory on another file system than a ``TemporaryDirectory``: in memory, unless the temporary directory is.
let otherFileSystem = NSTemporaryDirectory().hasPrefix("/dev/shm") ? "/var/tmp" : "/dev/shm"

let balances = Table("balances", key: .string, value: .int64)
let orders = Table("orders", key: .tuple(.string, .int64), value: .string)
