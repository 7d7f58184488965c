internal import Changelog
internal import Foundation

/// A lock file held for life: one holder among all processes, and among the objects of one.
///
/// The file keeps the holder's process id, for the error that others get; the lock goes with its process.
final class FileLock: Sendable {
  private let descriptor: Int32

  /// Takes the lock; throws `locked` while another has it.
  init(_ path: String, _ what: String) throws(StoreError) {
    descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw Files.error(errno, "a lock file can't be opened", path) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      let holder = (try? Files.read(path)).flatMap { String(validating: $0, as: UTF8.self) } ?? ""
      // `deinit` closes the descriptor, also after a throw: all properties are set.
      guard code == EWOULDBLOCK else { throw Files.error(code, "a lock file can't be locked", path) }
      throw StoreError(
        .locked, what + " is open in another process, or a snapshot of this one still holds it",
        ["held by process": holder.isEmpty ? "unknown" : holder, "file": path])
    }
    var (opened, found) = (stat(), stat())
    guard unsafe fstat(descriptor, &opened) == 0, unsafe stat(path, &found) == 0, opened.st_ino == found.st_ino,
      opened.st_dev == found.st_dev
    else {
      // Whoever had it was just done with the directory.
      throw StoreError(.locked, what + " was open in another process until now; try again", ["file": path])
    }
    let text = Array("\(getpid())".utf8)
    ftruncate(descriptor, 0)
    _ = unsafe text.withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress!, $0.count, 0) }
  }

  deinit { Foundation.close(descriptor) }
}
