import Changelog
import Foundation
import Testing
import TidemarkTesting

/// A directory of a test's own; removed with the value.
final class Scratch: Sendable {
  let path = NSTemporaryDirectory() + "changelog-" + UUID().uuidString
  static let partition = TopicPartition("orders-changelog", 0)

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var directory: String { "\(path)/\(Scratch.partition)" }

  func open(
    _ options: FileLogOptions = FileLogOptions(), _ storage: any Storage = POSIXStorage()
  ) throws -> FileLog {
    try FileLog.open(path, Scratch.partition, options: options, storage: storage)
  }

  func file(_ name: String) -> String { directory + "/" + name }
  func segment(_ base: Int64) -> String { file(segmentName(base, "log")) }
  func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: directory).sorted() }
  func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }
  func write(_ bytes: [UInt8], to path: String) throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }
  func remove(_ path: String) throws { try FileManager.default.removeItem(atPath: path) }

  /// A copy of the log's directory, as found after the death of the process.
  func copy() throws -> Scratch {
    let copy = Scratch()
    try FileManager.default.createDirectory(atPath: copy.path, withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: directory, toPath: copy.directory)
    return copy
  }
}

/// Appends the numbered samples.
@discardableResult
func append(_ numbers: Range<Int>, to writer: any ChangelogWriter) throws -> [AppendedCommit] {
  var appended: [AppendedCommit] = []
  for number in numbers { appended.append(try writer.append(Sample(number).commit())) }
  return appended
}

func readAll(_ log: any Changelog, from start: Offset = 0) throws -> [ReadSample] {
  var commits: [ReadSample] = []
  try log.read(from: start, to: nil) { (commit) throws(StoreError) in
    commits.append(try ReadSample(commit))
    return .next
  }
  return commits
}

/// Leaves the end of a closed log as a writer killed inside an append would.
func tear(_ log: FileLog) throws {
  let last = try #require(try log.segments().last)
  let file = try #require(FileHandle(forWritingAtPath: last.path))
  try file.seekToEnd()
  var offset = ByteWriter()
  offset.append(bigEndian: last.endOffset.value)
  try file.write(contentsOf: Data(offset.bytes.array) + Data(repeating: 7, count: 82))
}

/// The error of this kind that `body` throws.
func failure(_ kind: StoreError.Kind, _ body: () throws -> Void) -> StoreError? {
  do {
    try body()
    Issue.record("\(kind) expected, nothing thrown")
  } catch let error as StoreError {
    #expect(error.kind == kind, "\(error)")
    return error
  } catch {
    Issue.record("\(kind) expected, \(error) thrown")
  }
  return nil
}

extension StoreError {
  func value(_ name: String) -> String? { metadata.first { $0.name == name }?.value }
}
