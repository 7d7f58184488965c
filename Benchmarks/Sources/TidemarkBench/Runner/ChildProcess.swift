import Foundation

/// A running process of this program, or of another build of it.
final class ChildProcess {
  let output: FileHandle
  let processID: pid_t
  private let input: FileHandle
  /// Bytes read from the output that don't form a whole line yet.
  private var rest: [UInt8] = []
  private var isAtEnd = false
  /// Its processor time in seconds, and whether it was killed, once it has ended.
  private var outcome: (seconds: Double, wasKilled: Bool)?

  init(_ arguments: [String], program: String? = nil) throws {
    let program = try program ?? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let (toChild, fromChild) = (Pipe(), Pipe())
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_adddup2(&actions, toChild.fileHandleForReading.fileDescriptor, STDIN_FILENO)
    unsafe posix_spawn_file_actions_adddup2(&actions, fromChild.fileHandleForWriting.fileDescriptor, STDOUT_FILENO)
    for pipe in [toChild, fromChild] {
      for handle in [pipe.fileHandleForReading, pipe.fileHandleForWriting] {
        _ = fcntl(handle.fileDescriptor, F_SETFD, FD_CLOEXEC)
      }
    }
    var texts: [UnsafeMutablePointer<CChar>?] = unsafe ([program] + arguments).map { unsafe strdup($0) } + [nil]
    defer { unsafe texts.forEach { unsafe free($0) } }
    var processID: pid_t = 0
    guard unsafe posix_spawn(&processID, program, &actions, nil, &texts, environ) == 0 else {
      throw WrongRead(description: "\(program) doesn't start")
    }
    self.processID = processID
    input = toChild.fileHandleForWriting
    output = fromChild.fileHandleForReading
    // The child has its own.
    try fromChild.fileHandleForWriting.close()
    try toChild.fileHandleForReading.close()
  }

  /// Waits until there is output, or its end; `false` if there is neither within `seconds` seconds.
  func waitForEnd(atMost seconds: Double) -> Bool {
    var entry = pollfd(fd: output.fileDescriptor, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&entry, 1, Int32(max(0, seconds * 1000))) > 0
  }

  /// The next line of its output; `nil` at the end of the output, or once ``now()`` is `deadline`.
  ///
  /// Don't also read ``output`` directly.
  func line(until deadline: UInt64) -> String? {
    while true {
      if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        defer { rest.removeSubrange(...end) }
        return String(decoding: rest[..<end], as: UTF8.self)
      }
      let time = now()
      let seconds = deadline > time ? Double(deadline - time) / 1e9 : 0
      guard !isAtEnd else { return nil }
      guard waitForEnd(atMost: min(seconds, 3600)) else {
        if now() < deadline { continue }
        return nil
      }
      let bytes = output.availableData
      if bytes.isEmpty { isAtEnd = true } else { rest += bytes }
    }
  }

  /// Writes a line to its input.
  ///
  /// If the process may be gone, the caller ignores SIGPIPE.
  func send(_ line: String) throws { try input.write(contentsOf: Data((line + "\n").utf8)) }

  /// Whether its output has ended.
  var hasEnded: Bool { isAtEnd }

  /// Kills the process if it is running, and waits until it is gone; returns whether it was running.
  ///
  /// Its output can still be read.
  @discardableResult
  func kill() -> Bool {
    if let outcome { return outcome.wasKilled }
    Glibc.kill(processID, SIGKILL)
    var status: Int32 = 0
    var usage = rusage()
    while unsafe wait4(processID, &status, 0, &usage) < 0, errno == EINTR {}
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    let wasKilled = status & 0x7F == SIGKILL
    outcome = (seconds(usage.ru_utime) + seconds(usage.ru_stime), wasKilled)
    return wasKilled
  }

  /// Kills the process if it is running, and returns its processor time in seconds.
  func end() throws -> Double {
    kill()
    try? input.close()
    try? output.close()
    return outcome?.seconds ?? 0
  }
}
