import Foundation
import TestSupport

/// A `BankProcess` started to be killed; its output is read line by line.
///
/// Its standard input is a pipe from the parent, so it ends when the parent does.
package final class BankChild {
  package private(set) var processID: Int32 = 0
  private let output: Int32
  private let input: Int32
  private var buffer: [UInt8] = []
  private var atEnd = false
  private var isReaped = false
  /// The status from `waitpid`; `nil` until the process is reaped.
  package private(set) var status: Int32?

  struct SpawnError: Error { let text: String }

  /// Starts it with the given arguments.
  package init(_ directory: String, seed: UInt64, round: Int, _ mode: BankMode) throws {
    let executable = try siblingProgram("BankProcess")
    var (toChild, fromChild): ([Int32], [Int32]) = ([0, 0], [0, 0])
    guard unsafe pipe(&toChild) == 0, unsafe pipe(&fromChild) == 0 else {
      throw SpawnError(text: "no pipe: errno \(errno)")
    }
    for descriptor in toChild + fromChild { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    (input, output) = (toChild[1], fromChild[0])
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_adddup2(&actions, toChild[0], STDIN_FILENO)
    unsafe posix_spawn_file_actions_adddup2(&actions, fromChild[1], STDOUT_FILENO)
    var arguments: [UnsafeMutablePointer<CChar>?] = unsafe []
    for text in [executable, directory, "\(seed)", "\(round)", mode.rawValue] { unsafe arguments.append(strdup(text)) }
    unsafe arguments.append(nil)
    defer { unsafe arguments.forEach { unsafe free($0) } }
    let failure = unsafe posix_spawn(&processID, executable, &actions, nil, arguments, environ)
    close(toChild[0])
    close(fromChild[1])
    guard failure == 0 else { throw SpawnError(text: "\(executable) doesn't start: errno \(failure)") }
  }

  deinit {
    kill()
    close(output)
    close(input)
  }

  /// The next line; `nil` at the end of the output, or when `deadline` has passed.
  package func line(until deadline: ContinuousClock.Instant) -> String? {
    while true {
      if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
        defer { buffer.removeSubrange(...end) }
        return String(decoding: buffer[..<end], as: UTF8.self)
      }
      guard !atEnd, wait(until: deadline) else { return nil }
      var bytes = [UInt8](repeating: 0, count: 1 << 16)
      let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(output, $0.baseAddress!, $0.count) }
      if count > 0 { buffer += bytes[..<count] } else { atEnd = true }
    }
  }

  /// Waits for output, its end, or the deadline; `false` for the deadline.
  ///
  /// Doesn't wait once the child is gone: another child may hold the pipe's other end.
  private func wait(until deadline: ContinuousClock.Instant) -> Bool {
    let left = isReaped ? 0 : max(0, ContinuousClock.now.duration(to: deadline) / .milliseconds(1))
    var entry = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
    let ready = unsafe poll(&entry, 1, Int32(min(left.rounded(.up), 1e6)))
    return ready > 0
  }

  /// Sends SIGKILL and waits until the process is gone.
  ///
  /// Its output can still be read.
  package func kill() {
    guard processID > 0, !isReaped else { return }
    Foundation.kill(processID, SIGKILL)
    var status: Int32 = 0
    while unsafe waitpid(processID, &status, 0) < 0, errno == EINTR {}
    isReaped = true
    self.status = status
  }

  /// Throws if it had ended before it was killed.
  package func checkIsKilled() throws {
    guard let status, status & 0x7F != SIGKILL else { return }
    let end = status & 0x7F == 0 ? "status \(status >> 8 & 0xFF)" : "signal \(status & 0x7F)"
    throw Violation(description: "a process ended on its own, with \(end)")
  }
}
