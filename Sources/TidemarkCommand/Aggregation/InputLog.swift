import Foundation
import Tidemark

/// Keeps the bytes of standard input or another pipe in the state directory before they are used.
///
/// Each pipe has a file, `DIR/input/stdin-N`, with its bytes as they came. The file is synced before each commit, so
/// that a state never counts rows that its input log lacks.
final class InputLog {
  /// The result of waiting for bytes.
  enum Arrival {
    /// Bytes were appended.
    case more
    /// No bytes arrived in time, or a signal came.
    case nothing
    /// No bytes arrived, and none will.
    case end
  }

  let path: String
  let key: String
  /// Whether the log was left by a killed or stopped run: it may end with half a row.
  let isTorn: Bool
  private let pipe: InputPipe?
  private let descriptor: Int32
  private var hasEnded: Bool
  private var isSynced = true
  private var endsWithLineBreak = true
  private var buffer = [UInt8](repeating: 0, count: 1 << 20)

  /// Makes the log of a pipe to read; without a pipe, opens the log left by a former run.
  init(_ directory: String, _ number: Int, reading pipe: InputPipe?) throws {
    path = Self.directory(directory) + "/stdin-\(number)"
    key = "stdin:\(number)"
    self.pipe = pipe
    isTorn = pipe == nil
    hasEnded = pipe == nil
    if pipe != nil {
      try FileManager.default.createDirectory(
        atPath: Self.directory(directory), withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700])
      descriptor = unsafe Foundation.open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else { throw CommandError(errno: errno, "the input log can't be made", path) }
      for name in [path, Self.directory(directory)] { try StateCopy.sync(StateCopy.parent(of: name)) }
    } else {
      descriptor = -1
      var status = stat()
      guard unsafe lstat(path, &status) == 0 else {
        throw CommandError(errno: errno, "the input log can't be looked at", path)
      }
      guard status.st_mode & S_IFMT != S_IFLNK else {
        throw CommandError(
          .inputOutput, "\(path): a symbolic link is in the place of the input log; put the file itself there")
      }
    }
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    // The log of a pipe without a byte isn't needed.
    if fileSize(path) == 0 { unsafe unlink(path) }
  }

  /// The numbers of the logs in a state directory, ascending.
  static func numbers(in directory: String) throws -> [Int] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: Self.directory(directory))) ?? []
    return names.compactMap { $0.hasPrefix("stdin-") ? Int($0.dropFirst(6)) : nil }.sorted()
  }

  /// The number of the log with this key; `nil` if it is the key of a file.
  static func number(ofKey key: String) -> Int? { key.hasPrefix("stdin:") ? Int(key.dropFirst(6)) : nil }

  private static func directory(_ directory: String) -> String { directory + "/input" }

  /// Whether the pipe ended without a line break.
  var endedWithoutLineBreak: Bool { pipe != nil && hasEnded && !endsWithLineBreak }

  /// Appends the bytes that the pipe has; waits for them at most `patience`, and at most half a second.
  ///
  /// At the pipe's end, a missing last line break is appended: a row without one wasn't read to its end.
  func waitForMore(_ patience: Duration) throws -> Arrival {
    guard let pipe, !hasEnded else { return .end }
    var input = pollfd(fd: pipe.descriptor, events: Int16(POLLIN), revents: 0)
    // The greatest duration has more milliseconds than an `Int` holds.
    let milliseconds = patience < .milliseconds(500) ? max(1, Int(patience / .milliseconds(1))) : 500
    guard unsafe poll(&input, 1, Int32(milliseconds)) > 0 else { return .nothing }
    let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(pipe.descriptor, $0.baseAddress!, $0.count) }
    if count < 0 {
      if errno == EINTR || errno == EAGAIN { return .nothing }
      throw CommandError(errno: errno, "the pipe can't be read", path)
    }
    if count == 0 {
      hasEnded = true
      if !endsWithLineBreak { try append([UInt8(ascii: "\n")]) }
      return endsWithLineBreak ? .end : .more
    }
    try append(buffer[..<count])
    endsWithLineBreak = buffer[count - 1] == UInt8(ascii: "\n")
    return .more
  }

  /// Syncs the appended bytes, so that they survive a loss of power.
  func sync() throws {
    if isSynced { return }
    guard fdatasync(descriptor) == 0 else { throw CommandError(errno: errno, "the input log can't be synced", path) }
    isSynced = true
  }

  private func append(_ bytes: ArraySlice<UInt8>) throws {
    isSynced = false
    let code = StandardStreams.write(bytes, to: descriptor)
    if code != 0 { throw CommandError(errno: code, "the input log can't be written", path) }
  }
}
