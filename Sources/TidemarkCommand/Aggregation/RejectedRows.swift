import Foundation
import RowInput
import Tidemark

/// Writes the bad and late rows to a file of JSON lines.
///
/// A row is in the file before the commit that leaves it out. After a kill, the rows after the last commit are read
/// again, and may be in the file twice; each line names its input file and line.
final class RejectedRows {
  private let path: String
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private var isSynced = true

  /// Appends to a file, which is made if there is none.
  init(_ path: String) throws {
    self.path = path
    descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.failure(errno, path) }
  }

  deinit { close(descriptor) }

  /// Adds the reader's current row.
  func append(_ row: borrowing RowReader, _ reason: String) throws {
    let raw = try row.rawRow()
    buffer += #"{"file":"#.utf8
    appendJSONString(Array(row.path.utf8).rawSpan, to: &buffer)
    buffer += #","line":\#(row.row.line),"reason":"#.utf8
    appendJSONString(Array(reason.utf8).rawSpan, to: &buffer)
    if String(validating: raw, as: UTF8.self) != nil {
      buffer += #","row":"#.utf8
      appendJSONString(raw.rawSpan, to: &buffer)
    } else {
      buffer += #","rowBase64":"\#(Data(raw).base64EncodedString())""#.utf8
    }
    buffer += "}\n".utf8
    if buffer.count >= 1 << 16 { try flush() }
  }

  /// Syncs the rows added so far, so that they survive a loss of power.
  func sync() throws {
    try flush()
    if isSynced { return }
    // A pipe or a terminal can't be synced, and needn't be.
    if fdatasync(descriptor) != 0, errno != EINVAL, errno != EROFS { throw Self.failure(errno, path) }
    isSynced = true
  }

  private func flush() throws {
    if buffer.isEmpty { return }
    isSynced = false
    let code = StandardStreams.write(buffer[...], to: descriptor)
    buffer.removeAll(keepingCapacity: true)
    if code != 0 { throw Self.failure(code, path) }
  }

  private static func failure(_ code: Int32, _ path: String) -> CommandError {
    CommandError(errno: code, "rejected rows can't be written", path)
  }
}
