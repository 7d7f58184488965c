internal import Foundation

/// A real file system of few bytes, to be filled.
///
/// An ext4 image on a loop device if the machine can mount one: it allocates blocks late, uses some for a journal, and
/// really syncs. Otherwise a file system in memory. Both need the right to mount.
package final class SmallDisk: Sendable {
  /// The kinds of file system, the better one first.
  package enum Kind: String, CaseIterable, Sendable {
    case ext4 = "ext4 on a loop device"
    case memory = "a file system in memory"
  }

  /// The best kind that this machine can mount, determined once and printed.
  ///
  /// `nil`: nothing.
  package static let kind: Kind? = {
    let directory = NSTemporaryDirectory() + "tidemark-disk-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let kind = Kind.allCases.first { (try? SmallDisk(directory, mebibytes: 1, kind: $0)) != nil }
    print("full disks are tried on " + (kind?.rawValue ?? "nothing: no file system can be mounted here"))
    return kind
  }()

  /// Whether a small disk can be mounted here.
  package static var isPossible: Bool { kind != nil }

  /// Where it is mounted.
  package let path: String
  private let kind: Kind
  private var image: String { path + ".image" }
  private var ballast: String { path + "/ballast" }

  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  /// Makes a directory and mounts a file system with about `mebibytes` MiB there.
  package convenience init(_ path: String, mebibytes: Int) throws {
    guard let kind = Self.kind else { throw Failure(description: "no file system can be mounted here") }
    try self.init(path, mebibytes: mebibytes, kind: kind)
  }

  private init(_ path: String, mebibytes: Int, kind: Kind) throws {
    self.path = path
    self.kind = kind
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    switch kind {
    case .ext4:
      let (journal, inodes) = (4, 1)
      guard FileManager.default.createFile(atPath: image, contents: nil),
        unsafe truncate(image, (mebibytes + journal + inodes) << 20) == 0
      else { throw Failure(description: "\(image) can't be made: errno \(errno)") }
      do {
        // Blocks as on real disks, and none reserved for root.
        try Self.run(
          "mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", "-N", "2048", "-J", "size=\(journal)",
          "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
        try Self.run("mount", "-t", "ext4", "-o", "loop", image, path)
      } catch {
        try? FileManager.default.removeItem(atPath: image)
        throw error
      }
    case .memory: try Self.run("mount", "-t", "tmpfs", "-o", "size=\(mebibytes)m", "none", path)
    }
  }

  deinit {
    // Lazily: files that a test left open are closed some time later, and the last one frees the loop device.
    try? Self.run("umount", "-l", path)
    if kind == .ext4 { try? FileManager.default.removeItem(atPath: image) }
  }

  /// How many bytes can be written.
  private func freeBytes() throws -> Int {
    var status = statvfs()
    guard unsafe statvfs(path, &status) == 0 else { throw Failure(description: "no statvfs: errno \(errno)") }
    return Int(status.f_bavail) * Int(status.f_frsize)
  }

  /// Takes space until about `bytes` bytes are left.
  package func fill(leaving bytes: Int) throws {
    let descriptor = unsafe open(ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Failure(description: "no ballast: errno \(errno)") }
    defer { close(descriptor) }
    // The allocated file also takes blocks for its own block list, so one allocation isn't exact.
    for _ in 0..<8 {
      var status = stat()
      guard unsafe fstat(descriptor, &status) == 0 else { break }
      let excess = try freeBytes() - bytes
      if excess < 4096 { return }
      _ = posix_fallocate(descriptor, status.st_size, off_t(excess / 4096 * 4096))
    }
  }

  /// Frees the space that `fill(leaving:)` took.
  package func makeRoom() throws {
    // Truncated first: a process that another test starts at that moment may inherit the open file, and keep its space.
    guard unsafe truncate(ballast, 0) == 0 else { throw Failure(description: "no room: errno \(errno)") }
    try FileManager.default.removeItem(atPath: ballast)
    // A journal keeps the space of removed files until it is written.
    try sync()
  }

  /// Writes the journal, after which the space of removed files is free.
  package func sync() throws {
    let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Failure(description: "\(path) can't be opened: errno \(errno)") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw Failure(description: "no sync: errno \(errno)") }
  }

  private static func run(_ program: String, _ arguments: String...) throws {
    // Directories that PATH may lack.
    let places = ["/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"].map { $0 + program }
    guard let path = places.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
      throw Failure(description: "there is no \(program)")
    }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.standardError = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure(description: "\(program) \(arguments) failed: status \(process.terminationStatus)")
    }
  }
}
