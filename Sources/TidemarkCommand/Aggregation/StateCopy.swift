import Foundation
import Tidemark

/// Copies parts of a state directory for checkpoints and restores.
enum StateCopy {
  /// Copies a changelog while nobody appends to it: `DIR/changelog`, without the lock.
  ///
  /// With `sharing`, complete segments, which never change, become hard links where the file system allows.
  static func changelog(from source: String, to target: String, sharing: Bool) throws {
    let manager = FileManager.default
    for partition in try manager.contentsOfDirectory(atPath: source) {
      let (from, to) = (source + "/" + partition, target + "/" + partition)
      try manager.createDirectory(atPath: to, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      let names = try manager.contentsOfDirectory(atPath: from).sorted()
      let last = names.last { $0.hasSuffix(".log") }
      for name in names where name != "writer.lock" && !name.hasSuffix(".tmp") {
        let isComplete = name.hasSuffix(".log") && name != last
        if sharing, isComplete, (try? manager.linkItem(atPath: from + "/" + name, toPath: to + "/" + name)) != nil {
          continue
        }
        try file(from + "/" + name, to + "/" + name)
      }
      try sync(to)
    }
    try sync(target)
  }

  /// Copies the input logs of standard input, if there are any.
  static func inputs(from source: String, to target: String) throws {
    let manager = FileManager.default
    guard manager.fileExists(atPath: source), !manager.fileExists(atPath: target) else { return }
    let partial = target + ".partial"
    try? manager.removeItem(atPath: partial)
    try manager.createDirectory(
      atPath: partial, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    for name in try manager.contentsOfDirectory(atPath: source) { try file(source + "/" + name, partial + "/" + name) }
    try sync(partial)
    try rename(partial, to: target)
  }

  /// Syncs a file, or the names in a directory, so that they survive a loss of power.
  static func sync(_ path: String) throws {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw CommandError(errno: errno, "can't be opened", path) }
    defer { close(descriptor) }
    if fsync(descriptor) != 0 { throw CommandError(errno: errno, "can't be synced", path) }
  }

  /// Gives a complete directory its final name.
  static func rename(_ path: String, to name: String) throws {
    guard unsafe Foundation.rename(path, name) == 0 else {
      throw CommandError(errno: errno, "can't be given its name", name)
    }
    try sync(parent(of: name))
  }

  /// Locks a file until the returned descriptor is closed.
  static func lock(_ path: String) throws -> Int32 {
    let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw CommandError(errno: errno, "can't be opened", path) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw CommandError(.locked, "\(path): the same is being made by another process; wait until it is done")
    }
    return descriptor
  }

  /// A path whose neighbours' names begin with it.
  static func withoutSlash(_ path: String) -> String {
    path.lastIndex { $0 != "/" }.map { String(path[...$0]) } ?? path
  }

  /// The directory that a path lies in.
  static func parent(of path: String) -> String {
    URL(fileURLWithPath: path).standardizedFileURL.deletingLastPathComponent().path
  }

  private static func file(_ source: String, _ target: String) throws {
    try FileManager.default.copyItem(atPath: source, toPath: target)
    try sync(target)
  }
}
