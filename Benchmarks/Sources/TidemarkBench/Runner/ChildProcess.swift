import Foundation

/// This program, started once more.
final class ChildProcess {
  let output: FileHandle
  private let processID: pid_t
  private let input: FileHandle

  init(_ arguments: [String]) throws {
    let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
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

  /// Waits until its output ends; `false` if it didn't in so many seconds.
  func waitForEnd(atMost seconds: Double) -> Bool {
    var entry = pollfd(fd: output.fileDescriptor, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&entry, 1, Int32(max(0, seconds * 1000))) > 0
  }

  /// Kills it if it is there, and answers its processor time in seconds.
  func end() throws -> Double {
    kill(processID, SIGKILL)
    var status: Int32 = 0
    var usage = rusage()
    while unsafe wait4(processID, &status, 0, &usage) < 0, errno == EINTR {}
    try? input.close()
    try? output.close()
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }
}
