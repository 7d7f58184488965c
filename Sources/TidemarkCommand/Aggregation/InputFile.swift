import Foundation
import RowInput
import Tidemark

/// An input as the state knows it: by its key, and by its contents.
struct InputFile {
  static let checkedBytes = 4096

  let path: String
  /// The path without links; for standard input, `stdin:N`.
  let key: String
  /// The log that keeps standard input; `nil` for files.
  let log: InputLog?
  /// The file's attributes when reading starts.
  let attributes: FileAttributes?

  init(_ path: String) {
    self.path = path
    key = realPath(path)
    log = nil
    attributes = FileAttributes(path)
  }

  init(_ log: InputLog) {
    (path, key, self.log) = (log.path, log.key, log)
    attributes = nil
  }

  /// Records how to recognize the file: the checksums of the bytes read so far, and its attributes.
  func remember(_ progress: inout AggregationState.InputProgress, _ content: ContentChecksum?) throws {
    let count = min(progress.bytes, Self.checkedBytes)
    if count > progress.checkedBytes {
      let head = try ContentChecksum.ofStart(of: path, byteCount: count)
      if head.byteCount == count { (progress.checkedBytes, progress.checksum) = (count, head.crc) }
    }
    progress.contentChecksum = content?.crc
    progress.attributes = attributes
  }
}

/// Attributes of a file in the file system: enough to guess that its first bytes are unchanged.
struct FileAttributes: Codable, Equatable, Sendable {
  var device: UInt64
  var inode: UInt64
  var bytes: Int
  /// The time of the last change, since 1970.
  var modifiedNanoseconds: Int64

  /// `nil` if there is no such file.
  init?(_ path: String) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return nil }
    (device, inode, bytes) = (UInt64(status.st_dev), UInt64(status.st_ino), Int(status.st_size))
    modifiedNanoseconds = Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
  }

  /// Whether both are of the same file, whatever its contents.
  func isSameFile(as other: FileAttributes) -> Bool { device == other.device && inode == other.inode }
}

/// The absolute path of a file without symbolic links, `.` and `..`; without a file, symbolic links may remain.
func realPath(_ path: String) -> String {
  guard let resolved = unsafe realpath(path, nil) else { return URL(fileURLWithPath: path).standardizedFileURL.path }
  defer { unsafe free(resolved) }
  // Proof: `realpath` gives a terminated string.
  return unsafe String(cString: resolved)
}

/// The bytes of a file, also through a symbolic link; 0 if there is none.
func fileSize(_ path: String) -> Int { FileAttributes(path)?.bytes ?? 0 }
