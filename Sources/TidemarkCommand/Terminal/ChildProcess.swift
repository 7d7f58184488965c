import Foundation

/// This program, run once more as a child.
///
/// Doesn't use Foundation's `Process`, which fails if the limit of open files is low.
struct ChildProcess {
  /// How a child ended.
  enum End: Equatable {
    case exit(Int32)
    case signal(Int32)
  }

  let identifier: pid_t

  /// Starts this program with arguments; the child inherits the environment and standard input, output and error.
  init(_ arguments: [String]) throws {
    let words = [CommandLine.arguments[0]] + arguments
    var pointers: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) }
    unsafe pointers.append(nil)
    defer { unsafe pointers.forEach { unsafe free($0) } }
    var identifier = pid_t()
    // Proof: the words are terminated, the list ends with `nil`, and both are there until the call returns.
    let code = unsafe posix_spawn(&identifier, "/proc/self/exe", nil, nil, &pointers, environ)
    guard code == 0 else {
      throw unsafe CommandError(.failed, "no process can be started: \(String(cString: strerror(code)))")
    }
    self.identifier = identifier
  }

  /// Waits for the child's end.
  func wait() throws -> End {
    var status: Int32 = 0
    while unsafe waitpid(identifier, &status, 0) < 0 {
      guard errno == EINTR else {
        throw unsafe CommandError(.failed, "a child process can't be waited for: \(String(cString: strerror(errno)))")
      }
    }
    // wait(2): the low seven bits are the signal, the byte above them the exit status.
    return status & 0x7F == 0 ? .exit(status >> 8 & 0xFF) : .signal(status & 0x7F)
  }
}
