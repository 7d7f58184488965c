internal import Foundation

/// A lock file held for life: one holder among all processes, and among the objects of one.
///
/// The file keeps the holder's process id, for the error that others get; the lock goes with its process.
package final class FileLock: Sendable {
  private let file: any StorageFile

  /// Takes the lock; throws `locked` while another has it.
  package init(_ path: String, _ what: String, _ storage: any Storage) throws(StoreError) {
    guard let file = try storage.open(path, .openOrCreate) else {
      // The previous holder has just renamed or removed the directory.
      throw StoreError(.locked, what + " was open in another process until now; try again", ["file": path])
    }
    guard try file.tryLock() else {
      let holder = (try? storage.contents(of: path)).flatMap { String(utf8: $0.rawSpan) } ?? ""
      throw StoreError(
        .locked, what + " is open in another process, or a snapshot of this one still holds it",
        ["held by process": holder.isEmpty ? "unknown" : holder, "file": path])
    }
    guard try file.isStill(at: path) else {
      // The previous holder has just finished with the directory.
      throw StoreError(.locked, what + " was open in another process until now; try again", ["file": path])
    }
    // Told as a courtesy: there may be no room for it.
    try? file.truncate(to: 0)
    try? file.writeAll(Array("\(getpid())".utf8).rawSpan, at: 0)
    self.file = file
  }

  /// Takes a shared lock, which excludes writers; `nil` if the file is missing: it isn't created.
  ///
  /// Changes nothing. Throws `locked` while another has the lock for itself.
  package init?(sharing path: String, _ what: String, remedy: String, _ storage: any Storage) throws(StoreError) {
    guard let file = try storage.open(path, .read) else { return nil }
    guard try file.tryLockShared() else {
      let holder = (try? storage.contents(of: path)).flatMap { String(utf8: $0.rawSpan) } ?? ""
      throw StoreError(
        .locked, what + " is open for writing; " + remedy,
        ["held by process": holder.isEmpty ? "unknown" : holder, "file": path])
    }
    guard try file.isStill(at: path) else {
      throw StoreError(.locked, what + " was open in another process until now; try again", ["file": path])
    }
    self.file = file
  }
}
