import Foundation

/// Standard input, or a pipe named as a file: its bytes can be read only once.
final class InputPipe {
  let descriptor: Int32
  private let isOwned: Bool

  /// `nil` if the name leads to a file.
  init?(_ name: String) throws {
    if name == "-" {
      (descriptor, isOwned) = (STDIN_FILENO, false)
      return
    }
    guard InputPipe.isPipe(name) else { return nil }
    // Without blocking: a named pipe has no writer yet, and signals must be heeded meanwhile.
    let opened = unsafe open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard opened >= 0 else { throw CommandError(errno: errno, "can't be opened", name) }
    (descriptor, isOwned) = (opened, true)
  }

  deinit { if isOwned { close(descriptor) } }

  /// Whether a name leads to a pipe: `-`, a named pipe, `/dev/stdin`, or a shell's `<(…)`.
  static func isPipe(_ name: String) -> Bool {
    if name == "-" { return true }
    var status = stat()
    guard unsafe stat(name, &status) == 0 else { return false }
    return [S_IFIFO, S_IFCHR, S_IFSOCK].contains(status.st_mode & S_IFMT)
  }
}
