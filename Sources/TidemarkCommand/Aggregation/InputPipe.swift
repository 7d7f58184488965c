import Foundation

/// Standard input, or a pipe that was named as a file: what comes through it can be read once.
final class InputPipe {
  let descriptor: Int32
  private let isOwned: Bool

  /// `nil` if the name leads to a file.
  ///
  /// Waits for a named pipe's writer.
  init?(_ name: String) throws {
    if name == "-" {
      (descriptor, isOwned) = (STDIN_FILENO, false)
      return
    }
    guard InputPipe.isPipe(name) else { return nil }
    let opened = unsafe open(name, O_RDONLY | O_CLOEXEC)
    guard opened >= 0 else {
      throw unsafe CommandError(
        errno == EACCES ? .noPermission : .inputOutput, "\(name): can't be opened: \(String(cString: strerror(errno)))")
    }
    (descriptor, isOwned) = (opened, true)
  }

  deinit { if isOwned { close(descriptor) } }

  /// Whether what a name leads to can be read once: `-`, a named pipe, `/dev/stdin`, or what a shell makes of `<(…)`.
  static func isPipe(_ name: String) -> Bool {
    if name == "-" { return true }
    var status = stat()
    guard unsafe stat(name, &status) == 0 else { return false }
    return [S_IFIFO, S_IFCHR, S_IFSOCK].contains(status.st_mode & S_IFMT)
  }
}
