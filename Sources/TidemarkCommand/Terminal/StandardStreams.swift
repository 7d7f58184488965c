import ArgumentParser
import Foundation

/// The process's standard input, output and error.
enum StandardStreams {
  /// Opens closed streams, so that no other file gets their descriptors and receives printed text.
  ///
  /// Reading a closed standard input fails; text written to a closed output or error is lost, as the caller wants it.
  /// From here on, writing to a pipe without a reader is an error instead of a signal.
  static func prepare() {
    signal(SIGPIPE, SIG_IGN)
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 && errno == EBADF {
      // `open` takes the lowest free descriptor, which is this one.
      _ = unsafe open("/dev/null", O_WRONLY)
    }
  }

  /// Writes all bytes; waits if a nonblocking descriptor has no room.
  ///
  /// Returns the error that stopped the writing, or 0.
  static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Int32 {
    var written = 0
    while written < bytes.count {
      let count = unsafe bytes.withUnsafeBytes {
        unsafe Foundation.write(descriptor, $0.baseAddress! + written, $0.count - written)
      }
      if count >= 0 {
        written += count
        continue
      }
      switch errno {
      case EINTR: continue
      case EAGAIN, EWOULDBLOCK:
        var room = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = unsafe poll(&room, 1, -1)
      default: return errno
      }
    }
    return 0
  }
}

/// Prints a message on standard error; if that fails, the command goes on, and only its exit status reports the result.
func printMessage(_ text: String) { _ = StandardStreams.write(Array(text.utf8)[...], to: STDERR_FILENO) }

/// Prints a line on standard output.
func printLine(_ text: String) throws {
  var output = Output()
  try output.append { $0 += (text + "\n").utf8 }
  try output.flush()
}

/// Writes to standard output in large pieces; ends the command quietly when the reader of the pipe is gone.
struct Output: ~Copyable {
  private var buffer: [UInt8] = []

  mutating func append(_ fill: (inout [UInt8]) -> Void) throws {
    fill(&buffer)
    if buffer.count >= 1 << 16 { try flush() }
  }

  mutating func flush() throws {
    let code = StandardStreams.write(buffer[...], to: STDOUT_FILENO)
    buffer.removeAll(keepingCapacity: true)
    if code == 0 { return }
    if code == EPIPE { throw ExitCode.success }
    throw CommandError(errno: code, "standard output can't be written")
  }
}
